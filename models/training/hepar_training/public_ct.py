"""The public CTs that were never trained on. None has an expert's mask: the reference of one is another model's output,
and of a patient with two phases it can only be asked whether both livers have the same volume."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from .cascade import Result, segment_scan
from .ct_files import read
from .model import Model
from .scoring import dice

PHASES = {'portal venous': 'hcc-tace-015/portal-venous', 'late arterial': 'hcc-tace-015/late-arterial'}
SILVER = ('totalsegmentator-example/example_ct_sm.nii.gz', 'totalsegmentator-example/example_seg.nii.gz', 5)


def _volumes_ml(result: Result, voxel_ml: float) -> tuple[float, float, int]:
    _, lesions = ndimage.label(result.labels == 2, np.ones((3, 3, 3)))
    return float((result.labels > 0).sum() * voxel_ml), float((result.labels == 2).sum() * voxel_ml), lesions


def print_all(data: Path, model: Model, sheet_folder: Path | None) -> None:
    """Whatever of them is in `data`; their pictures stay out of the repository."""
    livers = []
    for name, place in PHASES.items():
        if (data / place).exists():
            scan = read(data / place)
            result = segment_scan(scan, model)
            liver, lesion, count = _volumes_ml(result, float(np.prod(scan.spacing_mm)) / 1000)
            livers.append(liver)
            print(f'{place}: liver {liver:.0f} ml, {count} lesions of {lesion:.1f} ml')
            _draw(scan, result, sheet_folder, name)
    if len(livers) == 2:
        print(f'liver volume of the two phases: they differ by {100 * abs(livers[0] - livers[1]) / np.mean(livers):.1f} % of their mean')
    image, labels, liver_label = data / SILVER[0], data / SILVER[1], SILVER[2]
    if image.exists() and labels.exists():
        scan = read(image)
        result = segment_scan(scan, model)
        truth = np.round(read(labels).hu) == liver_label
        _, lesion, count = _volumes_ml(result, float(np.prod(scan.spacing_mm)) / 1000)
        print(f'{SILVER[0]}: liver Dice {dice(result.labels > 0, truth):.3f} against that tool\'s labels, {count} lesions of {lesion:.1f} ml')
        _draw(scan, result, sheet_folder, 'silver')


def _draw(scan, result, folder: Path | None, name: str) -> None:
    if folder:
        from .sheets import draw_sheet

        folder.mkdir(parents=True, exist_ok=True)
        draw_sheet(scan, result, folder / f'{name.replace(" ", "-")}.png')
