"""The frozen volumes of the comparison. They are made by the generator as it was at one commit, so that a row that is run
again sees what the others saw; their seeds are neither the training's nor the evaluation's."""
from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

GENERATOR_COMMIT = '8040ee8'
FIRST_SEED = {'train': 5_000_000, 'held-out': 6_000_000}
COUNT = {'train': 110, 'held-out': 32}
AT_ONCE = 20


@dataclass
class Volume:
    seed: int
    hu: np.ndarray  # float32 [z, y, x] on 3 mm, padded with air
    labels: np.ndarray  # uint8: 0 background, 1 liver, 2 lesion, IGNORE where nobody could tell and in the padding
    liver_hu: float


def generator(work: Path) -> Path:
    """The folder with the package as it was at GENERATOR_COMMIT."""
    folder = work / f'generator-{GENERATOR_COMMIT}'
    if not folder.exists():
        package = ['git', '-C', str(Path(__file__).parents[2]), 'archive', GENERATOR_COMMIT, 'hepar_training']
        with tarfile.open(fileobj=BytesIO(subprocess.run(package, check=True, capture_output=True).stdout)) as archive:
            archive.extractall(folder)
    return folder


def make(seeds: list[int], folder: Path, work: Path) -> None:
    script = Path(__file__).with_name('make_blocks.py')
    environment = {**os.environ, 'PYTHONPATH': str(generator(work))}
    subprocess.run([sys.executable, str(script), str(folder), *map(str, seeds)], check=True, env=environment)


def frozen(part: str, work: Path) -> list[Volume]:
    """The volumes of a part, made where they are missing: the first COUNT seeds that show enough liver."""
    folder = work / 'volumes' / part
    folder.mkdir(parents=True, exist_ok=True)
    volumes, seed = [], FIRST_SEED[part]
    while len(volumes) < COUNT[part]:
        missing = [s for s in range(seed, seed + AT_ONCE) if not (folder / f'{s}.npz').exists()]
        if seed in missing:
            make(missing, folder, work)
        with np.load(folder / f'{seed}.npz') as saved:
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
