"""The frozen volumes of the comparison: blocks on 3 mm, with seeds that neither the training nor the evaluation uses."""
from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..cascade import to_grid
from ..intensity import AIR_HU
from ..pool import IGNORE, hide_invisible_lesions
from ..samples import segment_sample
from ..scene import LESION, LIVER

SPACING_MM = 3.0
FIRST_SEED = {'train': 5_000_000, 'held-out': 6_000_000}
COUNT = {'train': 110, 'held-out': 32}
# A block that shows hardly any liver teaches nothing about lesions.
LEAST_LIVER_ML = 60
# Every network halves the grid twice behind a stem of stride two.
MULTIPLE = 8


@dataclass
class Volume:
    seed: int
    hu: np.ndarray  # float32 [z, y, x], padded with air to multiples of MULTIPLE
    labels: np.ndarray  # uint8: 0 background, 1 liver, 2 lesion, IGNORE where nobody could tell and in the padding
    liver_hu: float


def make(seed: int) -> Volume | None:
    """One block on 3 mm, or None when it shows too little liver."""
    sample = segment_sample(seed)
    hide_invisible_lesions(sample.hu, sample.labels)
    spacing_zyx = sample.grid.spacing_mm[::-1]
    hu, scale = to_grid(sample.hu, spacing_zyx, SPACING_MM)
    nearest = [np.clip(np.round((np.arange(n) + 0.5) * f - 0.5), 0, m - 1).astype(int) for n, f, m in zip(hu.shape, scale, sample.hu.shape)]
    labels = sample.labels[np.ix_(*nearest)]
    labels[(labels > LESION) & (labels != IGNORE)] = 0
    if np.isin(labels, (LIVER, LESION)).sum() * SPACING_MM**3 / 1000 < LEAST_LIVER_ML:
        return None
    pad = [(0, -n % MULTIPLE) for n in hu.shape]
    hu = np.pad(np.round(hu), pad, constant_values=AIR_HU).astype(np.float32)
    return Volume(seed, hu, np.pad(labels, pad, constant_values=IGNORE), float(sample.plan.tissues.liver))


def _write(path: Path, volume: Volume | None) -> None:
    unfinished = path.with_name(f'.{path.stem}.tmp.npz')
    if volume is None:
        np.savez(unfinished)
    else:
        np.savez(unfinished, hu=volume.hu.astype(np.int16), labels=volume.labels, liver_hu=np.float32(volume.liver_hu))
    os.replace(unfinished, path)


def frozen(part: str, work: Path, count: int | None = None) -> list[Volume]:
    """The volumes of a part, made where they are missing: the first COUNT seeds that show enough liver."""
    folder = work / 'volumes' / part
    folder.mkdir(parents=True, exist_ok=True)
    volumes, seed = [], FIRST_SEED[part]
    while len(volumes) < (count or COUNT[part]):
        path = folder / f'{seed}.npz'
        if not path.exists():
            _write(path, make(seed))
        with np.load(path) as saved:
            if 'hu' in saved:
                volumes.append(Volume(seed, saved['hu'].astype(np.float32), saved['labels'], float(saved['liver_hu'])))
        seed += 1
    return volumes


def digest(*parts: list[Volume]) -> str:
    """Twelve hex digits that are the same where the volumes are: figures may be compared only where these agree."""
    total = hashlib.sha256()
    for volume in (v for part in parts for v in part):
        total.update(volume.hu.astype(np.int16).tobytes() + volume.labels.tobytes())
    return total.hexdigest()[:12]
