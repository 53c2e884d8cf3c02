"""A MONAI bundle, and what its configuration makes of a series, step by step as MONAI documents it.

    monai_predict.py BUNDLE [DICOM OUT]

Writes a bundle with a small network into the folder BUNDLE. Then reads a series with pydicom, and writes one byte a voxel
[z, y, x], z from feet to head: 0, 1 liver, 2 lesion."""
from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import map_coordinates
from series import read_series, stored_as
from torch import nn

PIXDIM, ROI, OVERLAP, LOW, HIGH = [4.6, 5.2, 6.5], [32, 28, 20], 0.4, -150, 350
# HU at which one label ends and the next begins, and how steeply.
THRESHOLDS, STEEPNESS = (15, 75), 0.15


def network() -> nn.Module:
    """Tells tissues apart by their HU, averaged over a neighbourhood that looks more to one side of each axis than to the other."""
    average = nn.Conv3d(1, 1, 3, padding=1, bias=False)
    along = [torch.tensor(weights) for weights in ([0.2, 0.5, 0.3], [0.1, 0.5, 0.4], [0.4, 0.5, 0.1])]
    average.weight.data = torch.einsum('x,y,z->xyz', *along)[None, None]
    lines = nn.Conv3d(1, 3, 1)
    per_value = STEEPNESS * (HIGH - LOW)
    ends = [(threshold - LOW) / (HIGH - LOW) for threshold in THRESHOLDS]
    lines.weight.data = torch.tensor([0, per_value, 2 * per_value]).reshape(3, 1, 1, 1, 1)
    lines.bias.data = torch.tensor([0, -per_value * ends[0], -per_value * sum(ends)])
    return nn.Sequential(average, lines).eval()


def write_bundle(folder: Path) -> None:
    metadata = {
        'name': 'CT tissues',
        'version': '0.3.0',
        'network_data_format': {
            'inputs': {'image': {'modality': 'CT', 'num_channels': 1, 'spatial_shape': ROI}},
            'outputs': {'pred': {'num_channels': 3, 'channel_def': {'0': 'background', '1': 'liver', '2': 'tumor'}}},
        },
    }
    before = [
        {'_target_': 'LoadImaged', 'keys': 'image'},
        {'_target_': 'EnsureChannelFirstd', 'keys': 'image'},
        {'_target_': 'Orientationd', 'keys': 'image', 'axcodes': 'RAS'},
        {'_target_': 'Spacingd', 'keys': 'image', 'pixdim': PIXDIM, 'mode': 'bilinear'},
        {'_target_': 'ScaleIntensityRanged', 'keys': 'image', 'a_min': LOW, 'a_max': HIGH, 'b_min': 0.0, 'b_max': 1.0, 'clip': True},
    ]
    after = [
        {'_target_': 'Activationsd', 'keys': 'pred', 'softmax': True},
        {'_target_': 'Invertd', 'keys': 'pred', 'transform': '@preprocessing', 'orig_keys': 'image', 'nearest_interp': False},
        {'_target_': 'AsDiscreted', 'keys': 'pred', 'argmax': True},
    ]
    inference = {
        'preprocessing': {'_target_': 'Compose', 'transforms': before},
        'inferer': {'_target_': 'SlidingWindowInferer', 'roi_size': ROI, 'sw_batch_size': 2, 'overlap': OVERLAP, 'mode': 'gaussian'},
        'postprocessing': {'_target_': 'Compose', 'transforms': after},
    }
    (folder / 'configs').mkdir(parents=True)
    (folder / 'models').mkdir()
    (folder / 'configs' / 'metadata.json').write_text(json.dumps(metadata))
    (folder / 'configs' / 'inference.json').write_text(json.dumps(inference))
    torch.jit.script(network()).save(str(folder / 'models' / 'model.ts'))


def spaced(image: np.ndarray, spacing: list[float], target: list[float], shape: list[int]) -> np.ndarray:
    """Linear, the centres of the first voxels on each other, the outermost values beyond the last."""
    steps = [new / old for old, new in zip(spacing, target)]
    where = [step * grid for step, grid in zip(steps, np.mgrid[tuple(slice(n) for n in shape)])]
    return map_coordinates(image, where, order=1, mode='nearest')


def importance() -> np.ndarray:
    along = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (0.125 * n)) ** 2) for n in ROI]
    weights = np.einsum('x,y,z->xyz', *along)
    return np.maximum(weights, max(weights[weights > 0].min(), 1e-3))


def starts(extent: int, window: int) -> list[int]:
    """At every whole interval until one reaches the end; that one ends there."""
    interval = window if extent == window else max(1, int(window * (1 - OVERLAP)))
    found = []
    for start in range(0, extent, interval):
        found.append(min(start, extent - window))
        if start + window >= extent:
            break
    return found


def sliding(image: np.ndarray, net: nn.Module) -> np.ndarray:
    lacking = [max(0, w - n) for w, n in zip(ROI, image.shape)]
    padding = [(n // 2, n - n // 2) for n in lacking]
    padded = np.pad(image, padding)
    sums, weights, weight = np.zeros((3, *padded.shape)), np.zeros(padded.shape), importance()
    for start in itertools.product(*(starts(n, w) for n, w in zip(padded.shape, ROI))):
        where = tuple(slice(s, s + w) for s, w in zip(start, ROI))
        with torch.no_grad():
            logits = net(torch.from_numpy(padded[where].astype(np.float32))[None, None])[0]
        sums[(slice(None), *where)] += logits.double().numpy() * weight
        weights[where] += weight
    return (sums / weights)[(slice(None), *(slice(low, low + n) for (low, _), n in zip(padding, image.shape)))]


def predict(dicom: Path, out: Path) -> None:
    hu, spacing_zyx = read_series(dicom)
    image, spacing = stored_as(hu, 'RAS').transpose(2, 1, 0), spacing_zyx[::-1]
    shape = [int(np.round((n - 1) * old / new + 1)) for n, old, new in zip(image.shape, spacing, PIXDIM)]
    ready = (np.clip(spaced(image, spacing, PIXDIM, shape), LOW, HIGH) - LOW) / (HIGH - LOW)
    logits = sliding(ready, network())
    shares = np.exp(logits - logits.max(0))
    shares /= shares.sum(0)
    back = np.stack([spaced(channel, PIXDIM, spacing, list(image.shape)) for channel in shares])
    labels = back.argmax(0).astype(np.uint8).transpose(2, 1, 0)
    out.write_bytes(np.ascontiguousarray(stored_as(labels, 'RAS')).tobytes())


if __name__ == '__main__':
    write_bundle(Path(sys.argv[1]))
    if len(sys.argv) == 4:
        predict(Path(sys.argv[2]), Path(sys.argv[3]))
