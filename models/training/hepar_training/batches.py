"""Training batches out of the pool, made in the trainer's own process or in worker processes beside it."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from .crops import locate_crop, segment_crop
from .scene import LESION

_REFRESH_EVERY = 50  # iterations


class Pool:
    """The volumes on disk; the list is read again now and then, because the pool may be growing."""

    def __init__(self, folder: Path):
        self.folder, self.files = folder, []
        self.has_lesion: dict[Path, bool] = {}
        self.refresh()

    def refresh(self) -> None:
        self.files = sorted(self.folder.glob('[0-9]*.npz'))

    def draw(self, rng: np.random.Generator, want_lesion: bool = False):
        if not self.files:
            raise SystemExit(f'{self.folder} has no volumes: run python3 -m hepar_training.pool first')
        for _ in range(12):
            path = self.files[rng.integers(len(self.files))]
            if want_lesion and not self.has_lesion.get(path, True):
                continue
            with np.load(path) as volume:
                hu, labels, liver_hu = volume['hu'], volume['labels'], float(volume['liver_hu'])
            labels[hu <= -1020] = 0  # outside the reconstruction
            if want_lesion:
                self.has_lesion[path] = bool((labels == LESION).sum() > 25)
                if not self.has_lesion[path]:
                    continue
            break
        return hu, labels, liver_hu


class Batches(Dataset):
    """Batch k is the same whoever makes it, as long as the pool is: (x float32 [N, 1, Z, Y, X], classes int64 [N, Z, Y, X])."""

    def __init__(self, stage: str, folder: Path, seed: int, size: int, crop_zyx: tuple[int, int, int]):
        self.stage, self.seed, self.size, self.crop_zyx = stage, seed, size, crop_zyx
        self.pool, self.made = Pool(folder), 0

    def __getitem__(self, iteration: int) -> tuple[torch.Tensor, torch.Tensor]:
        self.made += 1
        if self.made % _REFRESH_EVERY == 0:
            self.pool.refresh()
        rng = np.random.default_rng([self.seed, iteration])
        pairs = [self._crop(rng, want_lesion=(iteration * self.size + k) % 2 == 0) for k in range(self.size)]
        return torch.from_numpy(np.stack([p[0] for p in pairs]))[:, None], torch.from_numpy(np.stack([p[1] for p in pairs]))

    def _crop(self, rng: np.random.Generator, want_lesion: bool) -> tuple[np.ndarray, np.ndarray]:
        """Of the segmenting stage's crops, every other one is centred near a lesion."""
        if self.stage == 'locate':
            hu, labels, _ = self.pool.draw(rng)
            return locate_crop(hu, labels, rng, self.crop_zyx)
        hu, labels, liver_hu = self.pool.draw(rng, want_lesion)
        return segment_crop(hu, labels, liver_hu, rng, want_lesion, self.crop_zyx)


def stream(batches: Batches, first: int, last: int, workers: int):
    """Batches `first` to `last` in order; with workers, made ahead so that the network never waits."""
    ahead = {'prefetch_factor': 4} if workers else {}
    return DataLoader(batches, batch_size=None, sampler=range(first, last), num_workers=workers, **ahead)
