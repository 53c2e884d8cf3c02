"""From nothing to exported weights in commands of a set length: `python3 -m hepar_training.make_release --work DIR --out DIR`.

Each call does what is next and ends after `--seconds`: it fills the pools, trains stage 1, trains stage 2, exports both
and writes the manifest. Exit status 75 means that there is more to do: run it again. The pools grow beside the training
too, so that the generator never starves it. On a machine with a CUDA GPU the defaults suit that."""
from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import torch

from .pool import FIRST_SEED
from .sizes import SIZES
from .warm_start import fits

MORE_TO_DO = 75
_GPU = torch.cuda.is_available()
_LEAST_SLICE_S = 5.0


class Chain:
    """The steps, each a command of this package, within the time of one call."""

    def __init__(self, options: argparse.Namespace):
        self.options, self.end = options, time.time() + options.seconds

    def left_s(self) -> float:
        return self.end - time.time()

    def command(self, module: str, *words) -> list[str]:
        return [sys.executable, '-m', f'hepar_training.{module}', *map(str, words)]

    def made(self, stage: str) -> int:
        return len(list((self.options.work / f'pool-{stage}').glob('[0-9]*.npz')))

    def fill(self, stage: str, count: int, seconds: float) -> list[str]:
        words = ('--work', self.options.work, '--stage', stage, '--least', count, '--seconds', seconds, '--workers', self.options.workers)
        return self.command('pool', *words, *(('--shape-voxels', self.options.shape_voxels) if self.options.shape_voxels else ()))

    def begin_pool(self, stage: str) -> bool:
        """Volumes enough to begin with; False when time ran out."""
        if self.made(stage) < self.options.first_volumes:
            self.run(self.fill(stage, self.options.first_volumes, self.left_s()))
        return self.made(stage) >= self.options.first_volumes

    def train(self, stage: str) -> bool:
        """Trains while the pool goes on growing; False when time ran out."""
        iterations = self.options.iterations[stage]
        if self.done(stage) >= iterations:
            return True
        released = self.options.warm_start
        warm = ('--warm-start', released) if released and fits(released / f'{stage}.onnx', SIZES[self.options.size].shape(stage)) else ()
        beside = subprocess.Popen(self.fill(stage, self.options.volumes, self.left_s())) if self.made(stage) < self.options.volumes else None
        try:
            self.run(self.command('train', stage, '--work', self.options.work, '--size', self.options.size, '--iterations', iterations,
                                  '--seconds', max(1.0, self.left_s()), '--workers', self.options.loaders, '--device', self.options.device,
                                  *warm))  # fmt: skip
        finally:
            if beside:
                beside.terminate()
                beside.wait()
        return self.done(stage) >= iterations

    def done(self, stage: str) -> int:
        checkpoint = self.options.work / f'{stage}.pt'
        return int(torch.load(checkpoint, map_location='cpu')['iteration']) if checkpoint.exists() else 0

    def run(self, command: list[str]) -> None:
        subprocess.run(command, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', type=Path, default=Path('.data/training'))
    parser.add_argument('--out', type=Path, required=True, help='folder for the model; never the released one before it is measured')
    parser.add_argument('--seconds', type=float, default=520, help='of this call')
    parser.add_argument('--size', default='gpu' if _GPU else 'standard')
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cuda' if _GPU else 'cpu')
    parser.add_argument('--locate-iterations', type=int, default=8000 if _GPU else 900)
    parser.add_argument('--segment-iterations', type=int, default=30000 if _GPU else 5000)
    parser.add_argument('--first-volumes', type=int, default=200 if _GPU else 40, help='of each pool before its training begins')
    parser.add_argument('--volumes', type=int, default=4000 if _GPU else 1500, help='of each pool in the end')
    parser.add_argument('--workers', type=int, default=10 if _GPU else 1, help='processes that make volumes')
    parser.add_argument('--loaders', type=int, default=4 if _GPU else 0, help='processes that make batches')
    parser.add_argument('--shape-voxels', type=int, help='edge of the volumes, to try the chain with small ones')
    parser.add_argument('--warm-start', type=Path, metavar='MODEL_DIR', help='release that the stages of the same shape begin with')
    parser.add_argument('--version', default='0.0.0')
    options = parser.parse_args()
    options.iterations = {'locate': options.locate_iterations, 'segment': options.segment_iterations}
    options.work.mkdir(parents=True, exist_ok=True)
    chain = Chain(options)
    for stage in FIRST_SEED:
        for step in (chain.begin_pool, chain.train):
            if chain.left_s() < _LEAST_SLICE_S or not step(stage):
                print(f'{stage}: {chain.made(stage)} volumes, {chain.done(stage)} of {options.iterations[stage]} iterations. Run again to go on.')
                return MORE_TO_DO
    chain.run(chain.command('export', '--work', options.work, '--out', options.out, '--version', options.version))
    print(f'exported to {options.out}; next: python3 -m hepar_training.evaluate release --work {options.work} --model {options.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
