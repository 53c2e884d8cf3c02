"""What the size of a network costs or gives: networks with half and with 1.4 times the channels of the released one, each from
nothing for as many iterations on the same crops, and their loss on crops of volumes made anew.

    python3 -m hepar_training.capacity locate|segment [--work DIR] [--iterations 300] [--volumes 40] [--crops 150]

Reads the stage's pool; each network has a folder of its own in `--work`, and a run that was stopped goes on."""
from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from . import train
from .fresh_volumes import make, score, summary
from .model import load_network
from .pool import FIRST_SEED

NETWORKS = ('narrow', 'standard', 'broad')


def trained(stage: str, size: str, options: argparse.Namespace) -> Path:
    """The folder of a network that has had its iterations, trained on the pool of `--work`."""
    folder = options.work / f'capacity-{size}'
    folder.mkdir(parents=True, exist_ok=True)
    pool = folder / f'pool-{stage}'
    if not pool.exists():
        pool.symlink_to((options.work / pool.name).resolve())
    words = [stage, '--work', str(folder), '--size', size, '--iterations', str(options.iterations), '--threads', str(options.threads)]
    train.train(train.arguments().parse_args(words))
    return folder


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('stage', choices=sorted(FIRST_SEED))
    parser.add_argument('--work', type=Path, default=Path('.data/training'))
    parser.add_argument('--iterations', type=int, default=300)
    parser.add_argument('--networks', choices=NETWORKS, nargs='*', default=NETWORKS)
    parser.add_argument('--volumes', type=int, default=40, help='to be made anew')
    parser.add_argument('--crops', type=int, default=150)
    parser.add_argument('--threads', type=int, default=1, help='of the CPU')
    parser.add_argument('--shape-voxels', type=int, help='edge of the volumes made anew, to try things with small ones')
    return parser


def main(options: argparse.Namespace) -> None:
    fresh = options.work / f'fresh-{options.stage}'
    make(options.stage, fresh, options.volumes, options.shape_voxels)
    for size in options.networks:
        started = time.process_time()
        folder = trained(options.stage, size, options)
        seconds = time.process_time() - started
        net, _ = load_network(options.stage, folder)
        told = summary(*score(options.stage, net, fresh, options.crops, size))
        parameters = sum(p.numel() for p in net.parameters()) / 1e6
        print(
            f'{size}, {parameters:.2f} million parameters, {options.iterations} iterations in {seconds:.0f} CPU s: '
            f'loss on fresh volumes {told}',
            flush=True,
        )


if __name__ == '__main__':
    torch.set_num_threads(1)
    main(arguments().parse_args())
