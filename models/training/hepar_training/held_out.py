"""Synthetic scans for evaluation, never trained on: 60 fixed ones, others to choose thresholds on, and scans without a liver.

They are kept on disk once made, because every model that is compared must see the same ones."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .ct_files import Scan
from .grid import Grid
from .plan import sample_plan
from .pool import hide_invisible_lesions
from .samples import render

FIRST_SEED = {'test': 9_000_000, 'tuning': 8_000_000, 'chest': 9_500_000, 'pelvis': 9_600_000}
COUNT = {'test': 60, 'tuning': 20, 'chest': 10, 'pelvis': 10}
_PIXEL_MM, _SLICES_MM = 1.8, (2.5, 5.0)


@dataclass
class HeldOut:
    seed: int
    scan: Scan
    labels: np.ndarray  # uint8 [z, y, x]; IGNORE where a lesion cannot be seen
    lesion_numbers: np.ndarray
    kinds: dict[int, str]
    phase: str


def _abdomen(seed: int) -> tuple[Grid, int]:
    """Upper abdomen in slices of 2.5 or 5 mm; every fourth liver has no lesion."""
    plan = sample_plan(seed)
    rng = plan.rng('held out')
    spacing = (_PIXEL_MM, _PIXEL_MM, float(rng.choice(_SLICES_MM)))
    size_xyz = (2 * (plan.cavity_x + plan.wall) + 24, 2 * (plan.cavity_y + plan.wall) + 60, 250)
    shape = tuple(int(mm / s) for mm, s in zip(size_xyz[::-1], spacing[::-1]))
    count = 0 if seed % 4 == 0 else int(rng.choice([1, 2, 3, 5, 8]))
    return Grid.centred((rng.uniform(-15, 15), 12, plan.dome_right_z - 90), spacing, shape), count


def _elsewhere(seed: int, which: str) -> tuple[Grid, int]:
    plan = sample_plan(seed)
    u = plan.rng('held out').uniform
    shape = (80, 110, 130)
    half = shape[0] * 3.0 / 2
    middle = plan.dome_right_z + u(6, 30) + half if which == 'chest' else plan.liver_low_z - plan.riedel_mm - u(70, 110) - half
    return Grid.centred((0, 10, middle), (3.0, 3.0, 3.0), shape), 0


def make(which: str, seed: int) -> HeldOut:
    grid, count = _abdomen(seed) if which in ('test', 'tuning') else _elsewhere(seed, which)
    sample = render(sample_plan(seed), grid, count)
    hu, labels = np.round(sample.hu), sample.labels
    hide_invisible_lesions(hu, labels)
    return HeldOut(seed, Scan(hu.astype(np.float32), grid.spacing_mm), labels, sample.lesion_numbers, {l.number: l.kind for l in sample.lesions}, sample.plan.tissues.phase)


def kept(which: str, index: int, folder: Path) -> HeldOut:
    """The scan from `folder`, made if it is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    seed = FIRST_SEED[which] + index
    path = folder / f'{which}-{seed}.npz'
    if not path.exists():
        made = make(which, seed)
        about = json.dumps(dict(spacing_mm=made.scan.spacing_mm, kinds=made.kinds, phase=made.phase))
        unfinished = folder / f'.{which}-{seed}.npz'
        np.savez_compressed(unfinished, hu=made.scan.hu.astype(np.int16), labels=made.labels, numbers=made.lesion_numbers, about=about)
        unfinished.replace(path)
    with np.load(path) as file:
        about = json.loads(str(file['about']))
        scan = Scan(file['hu'].astype(np.float32), tuple(about['spacing_mm']))
        return HeldOut(seed, scan, file['labels'], file['numbers'], {int(k): v for k, v in about['kinds'].items()}, about['phase'])
