"""Makes frozen volumes: python3 make_blocks.py FOLDER SEED... with the generator of the named commit in PYTHONPATH.

A block is on 3 mm; its labels are 0 background, 1 liver, 2 lesion, IGNORE where nobody could tell and in the padding."""
from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch
from hepar_training.cascade import to_grid
from hepar_training.intensity import AIR_HU
from hepar_training.pool import IGNORE, hide_invisible_lesions
from hepar_training.samples import segment_sample
from hepar_training.scene import LESION, LIVER

SPACING_MM = 3.0
# A block that shows hardly any liver teaches nothing about lesions.
LEAST_LIVER_ML = 60
# Every network halves the grid twice behind a stem of stride two.
MULTIPLE = 8


def make(seed: int) -> dict[str, np.ndarray]:
    """One block, padded with air to multiples of MULTIPLE; nothing when it shows too little liver."""
    sample = segment_sample(seed)
    hide_invisible_lesions(sample.hu, sample.labels)
    hu, scale = to_grid(sample.hu, sample.grid.spacing_mm[::-1], SPACING_MM)
    nearest = [np.clip(np.round((np.arange(n) + 0.5) * f - 0.5), 0, m - 1).astype(int) for n, f, m in zip(hu.shape, scale, sample.hu.shape)]
    labels = sample.labels[np.ix_(*nearest)]
    labels[(labels > LESION) & (labels != IGNORE)] = 0
    if np.isin(labels, (LIVER, LESION)).sum() * SPACING_MM**3 / 1000 < LEAST_LIVER_ML:
        return {}
    pad = [(0, -n % MULTIPLE) for n in hu.shape]
    return {
        'hu': np.pad(np.round(hu), pad, constant_values=AIR_HU).astype(np.int16),
        'labels': np.pad(labels, pad, constant_values=IGNORE),
        'liver_hu': np.float32(sample.plan.tissues.liver),
    }


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    for seed in map(int, sys.argv[2:]):
        unfinished = folder / f'.{seed}.{os.getpid()}.npz'
        np.savez(unfinished, **make(seed))
        os.replace(unfinished, folder / f'{seed}.npz')


if __name__ == '__main__':
    main()
