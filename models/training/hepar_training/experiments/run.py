"""Runs one row: trains a network on the frozen volumes and measures it on those held out."""
from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ..intensity import around_liver_median
from ..pool import IGNORE
from ..scene import LESION, LIVER
from ..losses import loss_of, patches_with_lesion, presence_loss
from .design import CROPS, Row
from .families import PATCH_VOXELS, FamilyNet
from .volumes import COUNT, Volume

WARM_UP = 20
PRESENCE = 1.0
# Share of the crops that are near a lesion.
LESION_SHARE = 0.35
# A patch counts in the figure for patches when this much of it, in voxels, is liver or lesion: elsewhere there is nothing to ask.
LEAST_LIVER_VOXELS = 8


@dataclass
class Outcome:
    liver_dice: float
    lesion_dice: float | None  # inside the liver, as the cascade's rules cut away what lies outside
    lesion_dice_block: float | None  # over the whole block
    presence_auc: float | None
    seconds: float  # of one CPU, training and measuring
    seconds_an_iteration: float


def median_hu(volume: Volume) -> float:
    liver = volume.hu[volume.labels == LIVER]
    return float(np.median(liver)) if liver.size else volume.liver_hu


@dataclass
class Prepared:
    """A volume, and where its crops may lie: voxels [n, 3] of what is asked for most."""

    x: np.ndarray  # HU around the liver's median
    classes: np.ndarray  # uint8: background, liver, lesion, IGNORE
    lesion: np.ndarray
    liver: np.ndarray


def prepare(volume: Volume, task: str) -> Prepared:
    classes = volume.labels.copy()
    if task == 'liver':
        classes[classes == LESION] = LIVER
    places = [np.argwhere(volume.labels == label) for label in (LESION, LIVER)]
    return Prepared(volume.hu - median_hu(volume), classes, *places)


@dataclass
class Examined:
    """A held-out volume with what is asked of a network, each a tensor [1, ...]."""

    x: torch.Tensor
    known: torch.Tensor  # where the answer is known
    liver: torch.Tensor  # lesions included
    lesion: torch.Tensor
    present: torch.Tensor  # of each patch, whether it holds lesion
    asked: torch.Tensor  # of each patch, whether that is known and it shows liver


def examine(volume: Volume) -> Examined:
    classes = torch.from_numpy(volume.labels.astype(np.int64))[None]
    known = classes != IGNORE
    liver = (classes > 0) & known
    present, asked = patches_with_lesion(classes, PATCH_VOXELS)
    asked &= F.avg_pool3d(liver.float()[:, None], PATCH_VOXELS) * PATCH_VOXELS**3 > LEAST_LIVER_VOXELS - 0.5
    x = torch.from_numpy(around_liver_median(volume.hu, median_hu(volume)))[None, None]
    return Examined(x, known, liver, classes == LESION, present, asked)


class Material:
    """What all rows see: each volume is prepared once."""

    def __init__(self, train: list[Volume], held_out: list[Volume]):
        self._train, self._prepared = train, {}
        self.held_out = [examine(volume) for volume in held_out]

    def train(self, task: str) -> list[Prepared]:
        if task not in self._prepared:
            self._prepared[task] = [prepare(volume, task) for volume in self._train]
        return self._prepared[task]


def crop(volume: Prepared, edge: int, rng: np.random.Generator, want_lesion: bool) -> tuple[np.ndarray, np.ndarray]:
    """Input float32 and classes int64 (background, liver, lesion, IGNORE), both cubes of this edge: near a lesion, else
    as often near liver as anywhere."""
    last = np.array(volume.x.shape) - edge
    places = volume.lesion if want_lesion else volume.liver if rng.random() < 0.5 else ()
    start = rng.integers(0, last + 1)
    if len(places):
        start = places[rng.integers(len(places))] - edge // 2 + rng.integers(-(edge // 4), edge // 4 + 1, 3)
    box = tuple(slice(a, a + edge) for a in np.clip(start, 0, last))
    x = volume.x[box] * rng.uniform(0.85, 1.15) + rng.normal(0, 5)
    return around_liver_median(x, 0.0), volume.classes[box].astype(np.int64)


def batch(volumes: list[Prepared], edge: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    pairs = []
    for _ in range(CROPS[edge]):
        want_lesion = rng.random() < LESION_SHARE
        choice = [v for v in volumes if len(v.lesion)] if want_lesion else volumes
        pairs.append(crop(choice[rng.integers(len(choice))], edge, rng, want_lesion))
    return torch.from_numpy(np.stack([x for x, _ in pairs]))[:, None], torch.from_numpy(np.stack([y for _, y in pairs]))


def rate_at(row: Row, iteration: int) -> float:
    return row.rate * min(1.0, (iteration + 1) / WARM_UP) * (0.5 + 0.5 * np.cos(np.pi * iteration / row.iterations))


def auc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Probability that a patch with lesion scores higher than one without (Mann and Whitney); equal scores count half."""
    _, rank, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    positive = truth.astype(bool)
    ones, zeros = positive.sum(), (~positive).sum()
    return float((mean_rank[rank][positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def measure(network: FamilyNet, task: str, volumes: list[Examined]) -> tuple[float, float | None, float | None, float | None]:
    """The first four of Outcome: Dice over all voxels of the volumes (liver includes its lesions), AUC over patches of liver."""
    network.eval()
    sums, scores, truths = np.zeros((3, 2)), [], []
    for volume in volumes:
        with torch.no_grad():
            logits, presence = network(volume.x)
        found, liver, lesion = logits.argmax(1) * volume.known, volume.liver, volume.lesion
        for n, (one, other) in enumerate(((found > 0, liver), ((found == LESION) & liver, lesion), (found == LESION, lesion))):
            sums[n] += 2 * (one & other).sum().item(), (one.sum() + other.sum()).item()
        scores.append(presence[volume.asked].numpy())
        truths.append(volume.present[volume.asked].numpy())
    dice = [float(d) for d in sums[:, 0] / np.maximum(sums[:, 1], 1)]
    if task == 'liver':
        return dice[0], None, None, None
    return (*dice, auc(np.concatenate(scores), np.concatenate(truths)))


def encoder_file(row: Row, work: Path) -> Path:
    return work / 'encoders' / f'{row.source.name}.pt'


def run(row: Row, material: Material, work: Path) -> Outcome:
    """@throws FileNotFoundError when a warm row's encoder has not been made yet"""
    torch.set_num_threads(1)
    torch.manual_seed(row.seed)
    start = time.process_time()
    network = FamilyNet(row.family)
    if row.warm:
        network.encoder.load_state_dict(torch.load(encoder_file(row, work)))
    train = material.train(row.task)
    optimiser = torch.optim.Adam(network.parameters(), lr=row.rate, weight_decay=row.l2)
    stepping = 0.0
    for iteration in range(row.iterations):
        for group in optimiser.param_groups:
            group['lr'] = rate_at(row, iteration)
        x, y = batch(train, row.patch, np.random.default_rng([row.seed, iteration]))
        before = time.process_time()
        logits, presence = network(x)
        loss = loss_of(logits, y, 'segment')
        if row.task == 'lesion':
            loss = loss + PRESENCE * presence_loss(presence, y)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        stepping += time.process_time() - before
    if row.task == 'liver':
        encoder_file(row, work).parent.mkdir(parents=True, exist_ok=True)
        torch.save(network.encoder.state_dict(), encoder_file(row, work))
    figures = measure(network, row.task, material.held_out)
    return Outcome(*figures, time.process_time() - start, stepping / row.iterations)


def epochs(row: Row) -> float:
    """Crops for each of the volumes."""
    return row.iterations * CROPS[row.patch] / COUNT['train']
