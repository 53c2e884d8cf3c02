"""Trains one stage on the pool: `python3 -m hepar_training.train locate|segment [--work DIR] [--iterations N]`.

Run again, it goes on from its last checkpoint; asked to terminate, or after `--seconds`, it writes one first. On a CUDA
GPU it computes in bfloat16. `--warm-start DIR` begins with the weights of the released model in that folder."""
from __future__ import annotations

import argparse
import contextlib
import copy
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from .batches import Batches, stream
from .losses import dice_by_class, total_loss
from .networks import UNet
from .samples import LOCATE_SPACING_MM, SEGMENT_SPACING_MM
from .sizes import SIZES, Size
from .warm_start import load_released, recover_batch_norm

ITERATIONS = {'locate': 900, 'segment': 5000}
SPACING_MM = {'locate': LOCATE_SPACING_MM, 'segment': SEGMENT_SPACING_MM}
WARM_UP = 40
EMA = 0.99
_SAVE_EVERY_S = 150


def rate_at(progress: float, iteration: int, highest: float) -> float:
    """Rises for WARM_UP iterations, then falls as a cosine until `progress` is 1."""
    rise = min(1.0, (iteration + 1) / WARM_UP)
    return highest * rise * (0.5 + 0.5 * np.cos(np.pi * min(1.0, progress))) + 1e-5


def follow(average: torch.nn.Module, network: torch.nn.Module, iteration: int) -> None:
    keep = min(EMA, iteration / (iteration + 10))
    with torch.no_grad():
        for a, b in zip(average.state_dict().values(), network.state_dict().values()):
            if a.dtype.is_floating_point:
                a.mul_(keep).add_(b, alpha=1 - keep)


def code_version() -> str:
    """The commit of the code, for the card; empty outside a checkout."""
    answer = subprocess.run(['git', 'describe', '--always', '--dirty'], capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
    return answer.stdout.strip()


class Run:
    """Network, its running average and optimiser, and the checkpoint that holds them."""

    def __init__(self, stage: str, work: Path, size: Size, device: str, seed: int, rate: float):
        torch.manual_seed(seed)
        self.stage, self.seed, self.size, self.device = stage, seed, size, device
        self.checkpoint = work / f'{stage}.pt'
        self.network = UNet(size.shape(stage)).to(device)
        self.average = copy.deepcopy(self.network)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=rate, weight_decay=1e-4)
        self.iteration, self.seconds, self.history = 0, 0.0, []

    def warm_start(self, folder: Path, batches: Batches) -> list[str]:
        missing = load_released(self.network, folder / f'{self.stage}.onnx')
        recover_batch_norm(self.network, (batches[10**9 + k][0].to(self.device) for k in range(12)))
        self.average.load_state_dict(self.network.state_dict())
        return missing

    def resume(self) -> None:
        saved = torch.load(self.checkpoint, map_location=self.device)
        self.network.load_state_dict(saved['network'])
        self.average.load_state_dict(saved['average'])
        self.optimiser.load_state_dict(saved['optimiser'])
        self.iteration, self.seconds, self.history = saved['iteration'], saved['seconds'], saved['history']

    def save(self) -> None:
        """Whole or not at all, so that a killed run leaves its last checkpoint."""
        state = dict(
            network=self.network.state_dict(), average=self.average.state_dict(), optimiser=self.optimiser.state_dict(),
            iteration=self.iteration, seconds=self.seconds, seed=self.seed, shape=asdict(self.network.shape),
            spacing_mm=SPACING_MM[self.stage], history=self.history,
        )  # fmt: skip
        unfinished = self.checkpoint.with_name(f'.{self.checkpoint.name}')
        torch.save(state, unfinished)
        unfinished.replace(self.checkpoint)

    def step(self, x: torch.Tensor, y: torch.Tensor) -> tuple[float, np.ndarray]:
        """One step of the optimiser; the loss, and what Dice is made of."""
        x, y = x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)
        with torch.autocast('cuda', torch.bfloat16) if self.device == 'cuda' else contextlib.nullcontext():
            outputs = self.network(x)
        loss = total_loss(outputs, y, self.stage)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        follow(self.average, self.network, self.iteration)
        self.iteration += 1
        return loss.item(), dice_by_class(outputs[0].detach(), y, self.network.shape.classes)


def train(options: argparse.Namespace) -> int:
    """Trains until the iterations, the time of the whole run or the time of this command are over; returns the iteration."""
    stage, size = options.stage, SIZES[options.size]
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    run = Run(stage, options.work, size, options.device, options.seed, options.rate)
    batches = Batches(stage, options.work / f'pool-{stage}', options.seed, size.batch, size.crop_zyx[stage])
    log = (options.work / f'{stage}.log').open('a')
    if run.checkpoint.exists():
        run.resume()
    elif options.warm_start:
        print(f'warm start from {options.warm_start}; new: {run.warm_start(options.warm_start, batches) or "nothing"}', file=log, flush=True)
    iterations = options.iterations or ITERATIONS[stage]
    run.history.append(dict(code=code_version(), device=options.device, size=options.size, rate=options.rate, first=run.iteration))
    start, before, last_save = time.time(), run.seconds, time.time()
    loss_mean, sums, stopping = None, np.zeros((run.network.shape.classes - 1, 2)), []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    run.network.train()
    for x, y in stream(batches, run.iteration, iterations, options.workers):
        progress = max(run.iteration / iterations, run.seconds / options.whole_seconds if options.whole_seconds else 0)
        for group in run.optimiser.param_groups:
            group['lr'] = rate_at(progress, run.iteration, options.rate)
        loss, overlap = run.step(x, y)
        sums += overlap
        loss_mean = loss if loss_mean is None else 0.95 * loss_mean + 0.05 * loss
        run.seconds = before + time.time() - start
        if run.iteration % 25 == 0:
            dice = np.round(sums[:, 0] / np.maximum(sums[:, 1], 1), 3)
            sums[:] = 0
            print(f'{run.seconds:.0f} s, iteration {run.iteration}, loss {loss_mean:.3f}, volumes {len(batches.pool.files)}, Dice {dice}', file=log, flush=True)
        if stopping or (options.seconds and time.time() - start > options.seconds) or (options.whole_seconds and run.seconds > options.whole_seconds):
            break
        if time.time() - last_save > _SAVE_EVERY_S:
            run.save()
            last_save = time.time()
    run.save()
    return run.iteration


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('stage', choices=sorted(ITERATIONS))
    parser.add_argument('--work', type=Path, default=Path('.data/training'))
    parser.add_argument('--iterations', type=int, help='of the whole run')
    parser.add_argument('--seconds', type=float, help='ends this command after so long; run again to go on')
    parser.add_argument('--whole-seconds', type=float, help='ends the whole run after so long, and lets the rate fall by then')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--rate', type=float, default=2e-3, help='highest learning rate')
    parser.add_argument('--size', choices=sorted(SIZES), default='standard')
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--threads', type=int, default=1, help='of the CPU')
    parser.add_argument('--workers', type=int, default=0, help='processes that make batches')
    parser.add_argument('--warm-start', type=Path, metavar='MODEL_DIR', help='released model whose weights a new run begins with')
    return parser


if __name__ == '__main__':
    train(arguments().parse_args())
