"""What the number of training volumes costs: a checkpoint on crops of the volumes it was trained on, and of volumes made anew.

    python3 -m hepar_training.fresh_volumes locate|segment [--work DIR] [--volumes 80] [--crops 300]

Crops are drawn as in training. Where the two differ, more volumes help; where they do not, a larger network or more
iterations do. The fresh volumes are kept in the folder `fresh-STAGE` of `--work`."""
from __future__ import annotations

import argparse
from itertools import count
from pathlib import Path

import numpy as np
import torch

from .batches import Batches
from .losses import dice_by_class, total_loss
from .model import load_network
from .networks import UNet
from .pool import FIRST_SEED, add_one
from .sizes import SIZES

# Beyond all that a pool comes to.
_FRESH = 900_000
_CROPS_SEED = 99


def make(stage: str, folder: Path, volumes: int, shape_voxels: int | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in count(_FRESH):
        if len(list(folder.glob('[0-9]*.npz'))) >= volumes:
            return
        seed = FIRST_SEED[stage] + number
        if not (folder / f'{seed}.npz').exists():
            add_one(stage, folder, seed, shape_voxels)


def score(stage: str, net: UNet, folder: Path, crops: int, size: str) -> tuple[np.ndarray, np.ndarray]:
    """The loss of each crop, and the Dice of each class but the background over all crops."""
    batches = Batches(stage, folder, _CROPS_SEED, 1, SIZES[size].crop_zyx[stage])
    losses, sums = [], 0
    with torch.no_grad():
        for n in range(crops):
            x, y = batches[n]
            outputs = net(x)
            losses.append(float(total_loss(outputs, y, stage)))
            sums = sums + dice_by_class(outputs[0], y, net.shape.classes)
    return np.array(losses), sums[:, 0] / np.maximum(sums[:, 1], 1)


def summary(losses: np.ndarray, dice: np.ndarray) -> str:
    """Mean and standard error of the loss, and Dice by class."""
    return f'{losses.mean():.3f} ± {losses.std() / len(losses)**0.5:.3f}, Dice {np.round(dice, 3)}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('stage', choices=sorted(FIRST_SEED))
    parser.add_argument('--work', type=Path, default=Path('.data/training'))
    parser.add_argument('--volumes', type=int, default=80, help='to be made anew')
    parser.add_argument('--crops', type=int, default=300)
    parser.add_argument('--size', choices=sorted(SIZES), default='standard', help='of the crops')
    parser.add_argument('--threads', type=int, default=1, help='of the CPU')
    parser.add_argument('--shape-voxels', type=int, help='edge of the volumes, to try things with small ones')
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    net, _ = load_network(options.stage, options.work)
    make(options.stage, options.work / f'fresh-{options.stage}', options.volumes, options.shape_voxels)
    for name in ('pool', 'fresh'):
        folder = options.work / f'{name}-{options.stage}'
        losses, dice = score(options.stage, net, folder, options.crops, options.size)
        volumes = len(list(folder.glob('[0-9]*.npz')))
        print(f'{name}, {volumes} volumes: loss {summary(losses, dice)}')


if __name__ == '__main__':
    main()
