"""The released model's manifest: what the server must know to run it."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path

from . import intensity
from .networks import SHAPES, Shape
from .samples import LOCATE_SPACING_MM, SEGMENT_SPACING_MM

WINDOW_ZYX = {'locate': (64, 96, 128), 'segment': (80, 96, 96)}
# A liver is looked at in as few windows as memory allows, of the size of its box.
LARGER_WINDOWS = {'segment': {'stepVoxels': 16, 'mostVoxels': 4_000_000}}
OVERLAP = {'locate': 0.25, 'segment': 0.25}
SPACING_MM = {'locate': LOCATE_SPACING_MM, 'segment': SEGMENT_SPACING_MM}
CHANNELS = {'locate': ['background', 'liver', 'other', 'other'], 'segment': ['background', 'liver', 'lesion', 'other']}
MARGIN_MM = 12
# Specks and doubtful spots are no lesions, nor is what hardly touches the liver; chosen with `evaluate tuning`.
POSTPROCESSING = {'keepLargestLiver': True, 'fillHolesMl': 20, 'leastLesionMl': 0.15, 'leastLesionConfidence': 0.72, 'leastInsideLiver': 0.35}
LEAST_LIVER_ML = 150
# Stage 1 sees more of the body, stage 2 more of the liver: what is liver, the mean of both says best.
LOCATE_SHARE = 0.5


# All forms of a network have the same weights, and the fastest is taken. The first runs wherever no other is named.
GPUS = ['cuda', 'directml', 'coreml', 'webgpu']
FORMS = {'flat': ['cpu'], '3d': GPUS, 'half': ['cuda', 'directml', 'webgpu']}
# Of what the CPU says; half precision is off by about a thousandth.
REFERENCE_TOLERANCE = 0.01


def file_of(stage: str, form: str) -> str:
    return f'{stage}.onnx' if form == 'flat' else f'{stage}-{form}.onnx'


def output_names(shape: Shape) -> list[str]:
    return ['y', 'presence'] if shape.presence else ['y']


def _code(value: str, meaning: str) -> dict:
    return {'value': value, 'scheme': 'SCT', 'meaning': meaning}


def _intensity(stage: str) -> dict:
    if stage == 'locate':
        low, high = intensity.WINDOW_HU
        return {'kind': 'window', 'lowHu': low, 'highHu': high, 'centreHu': intensity.CENTRE_HU, 'scaleHu': intensity.WINDOW_SCALE_HU}
    return {'kind': 'liver-median', 'clipHu': intensity.CLIP_HU, 'scaleHu': intensity.MEDIAN_SCALE_HU}


def _network(folder: Path, stage: str, form: str) -> dict:
    file = file_of(stage, form)
    return {'file': file, 'sha256': hashlib.sha256((folder / file).read_bytes()).hexdigest()}


def _stage(folder: Path, stage: str, spacing_mm: float, shape: Shape, reference: list[float] | None) -> dict:
    presence = {'output': 'presence', 'activation': 'logits', 'patchVoxels': [shape.patch_voxels] * 3}
    return {
        **_network(folder, stage, 'flat'),
        'variants': [{'providers': FORMS[form], **_network(folder, stage, form)} for form in FORMS if form != 'flat'],
        'input': 'x',
        'output': 'y',
        'activation': 'logits',
        'channels': CHANNELS[stage][: shape.classes],
        'spacingMm': [spacing_mm] * 3,
        'windowVoxels': list(WINDOW_ZYX[stage][::-1]),
        **({'largerWindows': LARGER_WINDOWS[stage]} if stage in LARGER_WINDOWS else {}),
        'overlap': OVERLAP[stage],
        'intensity': _intensity(stage),
        **({'presence': presence} if shape.presence else {}),
        **({'reference': {'tolerance': REFERENCE_TOLERANCE, 'values': reference}} if reference else {}),
    }


def write_manifest(folder: Path, version: str, spacing_mm: dict[str, float] = SPACING_MM, shapes: dict[str, Shape] = SHAPES, references: dict[str, list[float]] | None = None) -> None:
    references = references or {}
    manifest = {
        'schema': 1,
        'id': 'hepar-ct-liver',
        'name': 'Hepar CT liver',
        'version': version,
        'description': 'Liver and liver lesions on CT, in two stages. Trained only on procedurally made anatomy, on no patient. Research use only, not a medical device.',
        'modality': 'CT',
        'licence': 'Apache-2.0',
        'labels': {
            'liver': {'category': _code('123037004', 'Anatomical Structure'), 'type': _code('10200004', 'Liver')},
            'lesion': {
                'category': _code('49755003', 'Morphologically Abnormal Structure'),
                'type': _code('4147007', 'Mass'),
                'anatomicRegion': _code('10200004', 'Liver'),
            },
        },
        'cascade': {
            'locate': _stage(folder, 'locate', spacing_mm['locate'], shapes['locate'], references.get('locate')),
            'leastLiverMl': LEAST_LIVER_ML,
            'marginMm': MARGIN_MM,
            'locateShare': LOCATE_SHARE,
            'segment': _stage(folder, 'segment', spacing_mm['segment'], shapes['segment'], references.get('segment')),
        },
        'postprocessing': POSTPROCESSING,
    }
    (folder / 'manifest.json').write_text(json.dumps(manifest, indent=2) + '\n')
