"""Writes a model's folder: manifest.json, network.onnx and card.md, whole or not at all."""
from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .labels import Label, manifest_labels
from .refusal import Refusal

NETWORK = 'network.onnx'
# The server's own rule: less is no liver, and the series is refused.
LEAST_LIVER_ML = 150
NOTICE = 'Research use only, not a medical device.'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What every importer is told of the model."""
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='the folder to write; it must not be there yet')
    parser.add_argument('--id', required=True, help='the model in requests and on the command line, such as our-liver')
    parser.add_argument('--name', help='the model in results (default: the id)')
    parser.add_argument('--model-version', default='1.0.0', metavar='VERSION', help='default: %(default)s')
    parser.add_argument('--licence', default='not stated', help="the weights' licence")
    parser.add_argument('--label', action='append', default=[], metavar='NAME=KIND', help='what a label is: liver, lesion, or other to leave it out')
    parser.add_argument('--lesion-code', metavar='VALUE:SCHEME:MEANING', help='DICOM code of the lesions, such as 4147007:SCT:Mass')
    parser.add_argument('--least-liver-ml', type=float, default=LEAST_LIVER_ML, metavar='ML', help='less is no liver: the series is refused (default: %(default)s)')
    parser.add_argument('--keep-largest-liver', action='store_true', help='keep the largest connected part of liver and lesions alone')


def write_model(options: argparse.Namespace, labels: list[Label], stage: dict[str, Any], origin: str, write_network: Callable[[Path], dict[str, Any]]) -> None:
    """@param stage of the manifest, without file and digest; @param origin what the model was imported from, a sentence
    @param write_network writes the ONNX file and returns what the stage says of it besides"""
    if not re.fullmatch('[a-z0-9][a-z0-9-]{0,62}', options.id):
        raise Refusal(f"--id '{options.id}' is not of small letters, digits and hyphens")
    if options.out.exists():
        raise Refusal(f'{options.out} is there already')
    options.out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix='.importing-', dir=options.out.parent))
    try:
        stage = {**stage, **write_network(unfinished / NETWORK)}
        digest = hashlib.sha256((unfinished / NETWORK).read_bytes()).hexdigest()
        manifest = _manifest(options, labels, {'file': NETWORK, 'sha256': digest, **stage}, origin)
        (unfinished / 'manifest.json').write_text(json.dumps(manifest, indent=2) + '\n')
        (unfinished / 'card.md').write_text(_card(manifest, labels, origin))
        unfinished.chmod(0o755)
        unfinished.rename(options.out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    print(f'{options.out} holds {options.id} {options.model_version}. Next: npm run hepar -- models check {options.out}')


def _manifest(options: argparse.Namespace, labels: list[Label], stage: dict[str, Any], origin: str) -> dict[str, Any]:
    return {
        'schema': 1,
        'id': options.id,
        'name': _ascii(options.name or options.id, 64),
        'version': _ascii(options.model_version, 16),
        'description': _ascii(f'{origin} {NOTICE}', 1024),
        'modality': 'CT',
        'licence': options.licence,
        'labels': manifest_labels(labels, options.lesion_code),
        'cascade': {'leastLiverMl': options.least_liver_ml, 'segment': stage},
        'postprocessing': {
            'keepLargestLiver': options.keep_largest_liver,
            'fillHolesMl': 0,
            'leastLesionMl': 0,
            'leastLesionConfidence': 0,
            'leastInsideLiver': 0,
        },
    }


def _card(manifest: dict[str, Any], labels: list[Label], origin: str) -> str:
    rows = '\n'.join(f'| {label.name} | {label.kind} | {f"{label.code.value} {label.code.scheme}, {label.code.meaning}" if label.code else "-"} |' for label in labels)
    return (
        f'# {manifest["name"]} {manifest["version"]}\n\n{origin} {NOTICE}\n\nLicence: {manifest["licence"]}. How well it does is for those who use it to '
        f'measure: the import says nothing of it.\n\n| label | taken as | code |\n|---|---|---|\n{rows}\n'
    )


def _ascii(text: str, longest: int) -> str:
    """Text for DICOM attributes is ASCII without backslashes."""
    plain = re.sub(r'[^ -\[\]-~]', '?', text)
    if len(plain) > longest:
        raise Refusal(f"'{plain[:40]}...' has {len(plain)} characters, more than {longest}")
    return plain
