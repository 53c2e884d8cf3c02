"""Fills a folder with training volumes: `python3 -m hepar_training.pool [--work DIR] [--seconds N] [--workers N]`.

Every file is written under another name first, so that a training run can read the folder while it grows."""
from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from .samples import Sample, locate_sample, segment_sample
from .scene import LESION, LIVER

IGNORE = 255
# A lesion must differ from the liver by this much, and by this many standard deviations of the liver's noise.
LEAST_CONTRAST_HU = 10.0
LEAST_CONTRAST_TO_NOISE = 1.2
FIRST_SEED = {'locate': 1_000_000, 'segment': 2_000_000}


def healthy_hu(hu: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """(median, standard deviation) of the liver's own HU; NaN where there is none."""
    liver = hu[labels == LIVER]
    low, middle, high = np.percentile(liver, (16, 50, 84)) if liver.size else (np.nan,) * 3
    return float(middle), float(high - low) / 2


def hide_invisible_lesions(hu: np.ndarray, labels: np.ndarray) -> int:
    """Labels lesions that nobody could see with IGNORE; returns how many are left to be found. A lesion is seen by its
    median or, as a rim or nodules are, by two fifths of it once the noise is averaged over 3 x 3 x 3 voxels."""
    healthy, noise = healthy_hu(hu, labels)
    if np.isnan(healthy):
        return 0
    least = max(LEAST_CONTRAST_HU, LEAST_CONTRAST_TO_NOISE * noise)
    components, count = ndimage.label(labels == LESION)
    visible = 0
    for number, box in enumerate(ndimage.find_objects(components), start=1):
        inside = components[box] == number
        away = np.abs(ndimage.uniform_filter(hu[box].astype(np.float32), 3) - healthy)[inside]
        if abs(float(np.median(hu[box][inside])) - healthy) < least and (away > least).mean() < 0.4:
            labels[box][inside] = IGNORE
        else:
            visible += 1
    return visible


def write(folder: Path, seed: int, sample: Sample) -> None:
    path = folder / f'{seed}.npz'
    unfinished = folder / f'.{seed}.tmp.npz'
    np.savez(unfinished, hu=np.round(sample.hu).astype(np.int16), labels=sample.labels, liver_hu=np.float32(sample.plan.tissues.liver))
    os.replace(unfinished, path)


def add_one(stage: str, folder: Path, seed: int, shape_voxels: int | None = None) -> bool:
    """Makes the volume of this seed; False for a block that shows too little liver to learn from, which is not kept."""
    sample = locate_sample(seed, shape_voxels) if stage == 'locate' else segment_sample(seed, shape_voxels)
    if stage == 'segment':
        if (sample.labels == LIVER).sum() < 600:
            return False
        hide_invisible_lesions(sample.hu, sample.labels)
    write(folder, seed, sample)
    return True


def fill(job: tuple) -> None:
    """One worker's share of a pool: seeds `first`, `first + step`, ... until the pool is full or time is up."""
    stage, folder, first, step, most, least, end, shape_voxels = job
    torch.set_num_threads(1)
    for number in range(first, most, step):
        if time.time() > end or (least and len(list(folder.glob('[0-9]*.npz'))) >= least):
            return
        seed = FIRST_SEED[stage] + number
        if not (folder / f'{seed}.npz').exists():
            add_one(stage, folder, seed, shape_voxels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work', type=Path, default=Path('.data/training'))
    parser.add_argument('--seconds', type=float, default=1200)
    parser.add_argument('--most', type=int, default=100_000, help='seeds tried for each stage')
    parser.add_argument('--least', type=int, help='stops when a pool has so many volumes')
    parser.add_argument('--start', type=int, default=0, help='first number, to continue a pool')
    parser.add_argument('--stage', choices=sorted(FIRST_SEED), help='only this one')
    parser.add_argument('--workers', type=int, default=1, help='processes')
    parser.add_argument('--shape-voxels', type=int, help='edge of the volumes, to try things with small ones')
    options = parser.parse_args()
    stages = {stage: options.work / f'pool-{stage}' for stage in FIRST_SEED if options.stage in (None, stage)}
    end, jobs = time.time() + options.seconds, []
    for stage, folder in stages.items():
        folder.mkdir(parents=True, exist_ok=True)
        jobs += [(stage, folder, options.start + k, options.workers, options.most, options.least, end, options.shape_voxels) for k in range(options.workers)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # takes the workers along
    with multiprocessing.get_context('spawn').Pool(len(jobs)) as processes:
        processes.map(fill, jobs, chunksize=1)
    print({stage: len(list(folder.glob('[0-9]*.npz'))) for stage, folder in stages.items()})


if __name__ == '__main__':
    main()
