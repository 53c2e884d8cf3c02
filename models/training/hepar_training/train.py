"""Trains one stage on the pool: `python3 -m hepar_training.train locate|segment [--work DIR] [--iterations N]`.

Run again, it goes on from its last checkpoint; asked to terminate, it writes one first."""
from __future__ import annotations

import argparse
import copy
import signal
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .crops import locate_crop, segment_crop
from .networks import SHAPES, make
from .pool import IGNORE
from .scene import LESION

ITERATIONS = {'locate': 900, 'segment': 5000}
HIGHEST_RATE = 2e-3
WARM_UP = 40
EMA = 0.99
# One weight a class: cross entropy, then Dice. Organs that only help still need a real Dice weight to be learned.
CROSS_ENTROPY = {'locate': (0.6, 1.0, 1.0, 1.0), 'segment': (0.6, 1.0, 3.0)}
DICE = {'locate': (0.0, 1.0, 0.5, 0.5), 'segment': (0.0, 0.6, 1.0)}
PRESENCE = 0.3
# A patch that a lesion only grazes is neither an example of a patch with lesion nor of one without.
LEAST_LESION_VOXELS = 8


class Pool:
    """The volumes on disk; the list is read again now and then, because the pool may be growing."""

    def __init__(self, folder: Path):
        self.folder, self.files = folder, []
        self.has_lesion: dict[Path, bool] = {}
        self.refresh()

    def refresh(self) -> None:
        self.files = sorted(self.folder.glob('[0-9]*.npz'))

    def draw(self, rng: np.random.Generator, want_lesion: bool = False):
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


def batch(stage: str, pool: Pool, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Two crops; of the segmenting stage's, one is centred near a lesion."""
    pairs = []
    for k in range(2):
        if stage == 'locate':
            hu, labels, _ = pool.draw(rng)
            pairs.append(locate_crop(hu, labels, rng))
        else:
            hu, labels, liver_hu = pool.draw(rng, want_lesion=k == 0)
            pairs.append(segment_crop(hu, labels, liver_hu, rng, want_lesion=k == 0))
    return torch.from_numpy(np.stack([p[0] for p in pairs]))[:, None], torch.from_numpy(np.stack([p[1] for p in pairs]))


def loss_of(logits: torch.Tensor, classes: torch.Tensor, stage: str, smooth: float = 30.0) -> torch.Tensor:
    """Weighted cross entropy plus soft Dice over the batch; IGNORE counts in neither."""
    loss = F.cross_entropy(logits, classes, torch.tensor(CROSS_ENTROPY[stage]), ignore_index=IGNORE)
    known = (classes != IGNORE).float()
    probability = logits.softmax(1) * known[:, None]
    for number, weight in enumerate(DICE[stage]):
        if weight:
            truth = (classes == number).float()
            overlap = (probability[:, number] * truth).sum()
            loss = loss + weight * (1 - (2 * overlap + smooth) / (probability[:, number].sum() + truth.sum() + smooth))
    return loss


def patches_with_lesion(classes: torch.Tensor, patch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each patch, both [N, 1, Z / patch, Y / patch, X / patch]: whether it holds lesion (1 or 0), and whether that is
    known, which it is not where a few voxels or only ignored ones are lesion."""
    count = lambda mask: F.avg_pool3d(mask.float()[:, None], patch) * patch**3  # noqa: E731
    lesion, ignored = count(classes == LESION), count(classes == IGNORE)
    present = lesion > LEAST_LESION_VOXELS - 0.5
    return present.float(), present | (lesion + ignored < 0.5)


def presence_loss(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy over the patches of which the answer is known."""
    present, known = patches_with_lesion(classes, classes.shape[-1] // logits.shape[-1])
    return (F.binary_cross_entropy_with_logits(logits, present, reduction='none') * known).sum() / known.sum().clamp(min=1)


def rate_at(iteration: int, iterations: int) -> float:
    rise = min(1.0, (iteration + 1) / WARM_UP)
    return HIGHEST_RATE * rise * (0.5 + 0.5 * np.cos(np.pi * min(1.0, iteration / iterations))) + 1e-5


def follow(average: torch.nn.Module, network: torch.nn.Module, iteration: int) -> None:
    keep = min(EMA, iteration / (iteration + 10))
    with torch.no_grad():
        for a, b in zip(average.state_dict().values(), network.state_dict().values()):
            if a.dtype.is_floating_point:
                a.mul_(keep).add_(b, alpha=1 - keep)


def dice_by_class(logits: torch.Tensor, classes: torch.Tensor, count: int) -> np.ndarray:
    """[overlap, sizes] of each class but the background, to be summed over iterations."""
    found, known = logits.argmax(1), classes != IGNORE
    return np.array([[2 * ((found == c) & (classes == c)).sum().item(), (((found == c) & known).sum() + (classes == c).sum()).item()] for c in range(1, count)])


def train(stage: str, work: Path, iterations: int, seed: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = make(stage)
    average = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=HIGHEST_RATE, weight_decay=1e-4)
    checkpoint, first, seconds = work / f'{stage}.pt', 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        network.load_state_dict(saved['network'])
        average.load_state_dict(saved['average'])
        optimiser.load_state_dict(saved['optimiser'])
        first, seconds = saved['iteration'], saved['seconds']
    pool, log = Pool(work / f'pool-{stage}'), (work / f'{stage}.log').open('a')
    start, last_save, loss_mean = time.time() - seconds, time.time(), 0.0
    sums = np.zeros((SHAPES[stage].classes - 1, 2))

    def save(iteration: int) -> None:
        state = dict(network=network.state_dict(), average=average.state_dict(), optimiser=optimiser.state_dict(), iteration=iteration, seconds=time.time() - start, seed=seed)
        torch.save(state, work / f'.{stage}.pt')
        (work / f'.{stage}.pt').replace(checkpoint)

    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    network.train()
    for iteration in range(first, iterations):
        if iteration % 50 == 0:
            pool.refresh()
        rng = np.random.default_rng([seed, iteration])
        for group in optimiser.param_groups:
            group['lr'] = rate_at(iteration, iterations)
        x, y = batch(stage, pool, rng)
        logits, *presence = network(x)
        loss = loss_of(logits, y, stage) + sum(PRESENCE * presence_loss(p, y) for p in presence)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        follow(average, network, iteration)
        loss_mean = loss.item() if iteration == first else 0.95 * loss_mean + 0.05 * loss.item()
        sums += dice_by_class(logits.detach(), y, SHAPES[stage].classes)
        if (iteration + 1) % 25 == 0:
            dice = np.round(sums[:, 0] / np.maximum(sums[:, 1], 1), 3)
            sums[:] = 0
            print(f'{time.time() - start:.0f} s, iteration {iteration + 1}, loss {loss_mean:.3f}, volumes {len(pool.files)}, Dice {dice}', file=log, flush=True)
        if stopping:
            save(iteration + 1)
            return
        if time.time() - last_save > 150:
            save(iteration + 1)
            last_save = time.time()
    save(iterations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('stage', choices=sorted(SHAPES))
    parser.add_argument('--work', type=Path, default=Path('.data/training'))
    parser.add_argument('--iterations', type=int, default=None)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    train(options.stage, options.work, options.iterations or ITERATIONS[options.stage], options.seed)


if __name__ == '__main__':
    main()
