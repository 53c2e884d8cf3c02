"""A sliding-window loop in PyTorch after MONAI's documented behaviour (SlidingWindowInferer, mode 'gaussian'): windows in
batches, predictions times an importance map summed up on the whole grid, and their weights in a second map of the same
size, then one division. Softmax is part of the predictor. Written here from the documentation.

Reads one JSON object: model folder, stage, threads, field (float32 file, [Z, Y, X]), shapeZyx, windowZyx, starts [z, y, x],
weights (along z, y, x), out; answers {"version": torch's}. Then for each line {"mode": "eager" | "frozen", "batch": N, "warm": run
the network before} runs the loop once and answers {"seconds": N, "cpuSeconds": N, of all threads}; the class probabilities [C, Z, Y, X] of the last run lie in `out`."""
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch

task = json.loads(sys.stdin.readline())
sys.path.insert(0, task['training'])
from hepar_training.model import from_release  # noqa: E402

# Of the sizes that tracing takes for fixed, as they are.
warnings.filterwarnings('ignore', category=torch.jit.TracerWarning)
torch.set_num_threads(task['threads'])
shape, window = task['shapeZyx'], task['windowZyx']
field = torch.from_numpy(np.fromfile(task['field'], np.float32).reshape(1, 1, *shape))
z, y, x = (torch.from_numpy(np.asarray(axis, np.float32)) for axis in task['weights'])
importance = z[:, None, None] * y[None, :, None] * x[None, None, :]
network = getattr(from_release(Path(task['model'])), task['stage']).net.eval()
classes = network.shape.classes
networks: dict[tuple[str, int], torch.nn.Module] = {}


def network_for(mode: str, batch: int) -> torch.nn.Module:
    if mode == 'eager':
        return network
    if (mode, batch) not in networks:
        traced = torch.jit.trace(network, torch.zeros(batch, 1, *window))
        networks[mode, batch] = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
    return networks[mode, batch]


def run(net: torch.nn.Module, batch: int) -> torch.Tensor:
    sums, weights = torch.zeros(1, classes, *shape), torch.zeros(1, 1, *shape)
    slices = [tuple(slice(first, first + edge) for first, edge in zip(start, window)) for start in task['starts']]
    for first in range(0, len(slices), batch):
        group = slices[first : first + batch]
        windows = torch.cat([field[(slice(None), slice(None), *at)] for at in group])
        probabilities = torch.softmax(net(windows)[0], 1) * importance
        for n, at in enumerate(group):
            sums[(slice(None), slice(None), *at)] += probabilities[n : n + 1]
            weights[(slice(None), slice(None), *at)] += importance
    return sums / weights


print(json.dumps({'version': torch.__version__.split('a')[0]}), flush=True)
with torch.inference_mode():
    for line in sys.stdin:
        asked = json.loads(line)
        net = network_for(asked['mode'], asked['batch'])
        if asked.get('warm'):
            for _ in range(2):
                net(torch.zeros(asked['batch'], 1, *window))
        started, worked = time.perf_counter(), time.process_time()
        found = run(net, asked['batch'])
        seconds, work = time.perf_counter() - started, time.process_time() - worked
        found[0].numpy().tofile(task['out'])
        print(json.dumps({'seconds': seconds, 'cpuSeconds': work}), flush=True)
