"""Turns a MONAI bundle into a model for the server.

    python3 models/import/monai_bundle.py BUNDLE --out DIR --id our-liver

BUNDLE holds configs/metadata.json, configs/inference.json (or .yaml) and models/model.pt or models/model.ts.
Needs torch, numpy and onnx; for model.pt also monai, for .yaml also PyYAML. No code of the bundle is run."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hepar_import import folder, orientation, refusal
from hepar_import.export import write_onnx
from hepar_import.labels import labels_of
from hepar_import.monai_config import Config, read_config
from hepar_import.monai_network import load_network
from hepar_import.monai_steps import Preparation, read_decision, read_inferer, read_preparation
from hepar_import.refusal import Refusal

# MONAI's tensors are [x, y, z], the server's [z, y, x].
ORDER = (2, 1, 0)


def main() -> None:
    options = _arguments()
    config = read_config(options.bundle)
    formats = config.metadata.get('network_data_format') or {}
    names = _channels(formats)
    preparation = read_preparation(config)
    windows, decision = read_inferer(config), read_decision(config)
    labels = labels_of(names, options.label)
    if decision['decide'] == 'regions' and names[0].lower() == 'background':
        raise Refusal('the network has a sigmoid of its own for the background, which cannot be expressed')
    seen = orientation.orientation_of(options, preparation.orientation, 'the bundle does not turn its images (no Orientation)')
    network = load_network(options.bundle, config)
    stage = _stage(preparation, windows, decision, [label.kind for label in labels], seen)
    name, version = config.metadata.get('name') or options.bundle.resolve().name, config.metadata.get('version', '?')
    origin = f'Imported from the MONAI bundle {name} {version}.'
    shape_zyx = tuple(reversed(stage['windowVoxels']))
    folder.write_model(options, labels, stage, origin, lambda path: write_onnx([network], ORDER, shape_zyx, len(labels), path))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('bundle', type=Path, metavar='BUNDLE')
    folder.add_arguments(parser)
    orientation.add_arguments(parser)
    return parser.parse_args()


def _channels(formats: dict[str, Any]) -> list[str]:
    """Names of the output's channels; one CT channel in."""
    try:
        image, predicted = formats['inputs']['image'], formats['outputs']['pred']
        definition = predicted['channel_def']
        inputs, outputs = image.get('num_channels', 1), predicted.get('num_channels', len(definition))
        if image.get('modality', 'CT').upper() != 'CT':
            raise Refusal(f"the network was made for {image['modality']}, not for CT")
        if inputs != 1:
            raise Refusal(f'the network has {inputs} input channels: a CT series gives one')
        if len(definition) != outputs:
            raise Refusal(f'metadata.json names {len(definition)} of {outputs} output channels')
        return [str(definition[str(n)]) for n in range(outputs)]
    except (KeyError, TypeError, AttributeError) as error:
        raise Refusal(f'metadata.json does not say what the network takes and gives (network_data_format: {error})') from error


def _stage(preparation: Preparation, windows: dict[str, Any], decision: dict[str, Any], kinds: list[str], seen: str) -> dict[str, Any]:
    return {
        'input': 'x',
        'output': 'y',
        'activation': 'logits',
        'channels': kinds,
        'spacingMm': preparation.spacing_mm_xyz,
        'windowVoxels': windows['window_xyz'],
        'overlap': windows['overlap'],
        'intensity': preparation.intensity,
        'wholeScan': {
            'orientation': seen,
            'conventions': 'monai',
            'resampling': {'hu': {'kernel': preparation.kernel}, 'output': {'kernel': decision['kernel']}},
            'resampled': decision['resampled'],
            'weights': windows['weights'],
            'decide': decision['decide'],
        },
    }


if __name__ == '__main__':
    refusal.run(main)
