"""nnU-Net v2's prediction, step by step as it is documented, with numpy, scipy and PyTorch alone.

    nnunet_predict.py CASE MODEL [DICOM OUT]

Writes the case's trained model into the folder MODEL. Then reads a series with pydicom, and writes one byte a voxel
[z, y, x], z from feet to head: 0, 1 liver, 2 lesion."""
from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import torch
from nnunet_cases import CASES
from nnunet_model import write_model
from nnunet_network import forward
from scipy.ndimage import gaussian_filter, map_coordinates, zoom
from series import read_series, stored_as

ANISOTROPY = 3
KINDS = {'liver': 1, 'tumour': 2, 'hepatic_lesion': 2}


def normalised(image: np.ndarray, scheme: str, seen: dict) -> np.ndarray:
    if scheme == 'CTNormalization':
        return (np.clip(image, seen['percentile_00_5'], seen['percentile_99_5']) - seen['mean']) / max(seen['std'], 1e-8)
    return (image - image.mean()) / max(image.std(), 1e-8)


def lowest_resolution(spacing: list[float]) -> np.ndarray:
    return np.where(max(spacing) / np.array(spacing) == 1)[0]


def resized(image: np.ndarray, shape: tuple[int, ...], order: int) -> np.ndarray:
    """scikit-image's resize without anti-aliasing, edges repeated: scipy's zoom, kept within the image's range."""
    made = zoom(image, np.array(shape) / np.array(image.shape), order=order, mode='nearest', grid_mode=True)
    assert made.shape == tuple(shape)
    return np.clip(made, image.min(), image.max())


def resampled(image: np.ndarray, shape: tuple[int, ...], spacing: list[float], target: list[float], order: int) -> np.ndarray:
    if tuple(shape) == image.shape:
        return image
    image = image.astype(float)
    apart = next((lowest_resolution(one) for one in (spacing, target) if max(one) / min(one) > ANISOTROPY), [])
    if len(apart) != 1:
        return resized(image, shape, order)
    axis = apart[0]
    flat = [n for a, n in enumerate(shape) if a != axis]
    slices = np.stack([resized(one, flat, order) for one in np.moveaxis(image, axis, 0)], axis)
    if slices.shape == tuple(shape):
        return slices
    scale = np.array(slices.shape) / np.array(shape)
    where = [s * (grid + 0.5) - 0.5 for s, grid in zip(scale, np.mgrid[tuple(slice(n) for n in shape)])]
    return map_coordinates(slices, where, order=0, mode='nearest')


def steps(extent: int, patch: int) -> list[int]:
    count = int(np.ceil((extent - patch) / (patch * 0.5))) + 1
    width = (extent - patch) / (count - 1) if count > 1 else 0
    return [int(np.round(width * n)) for n in range(count)]


def gaussian(patch: list[int]) -> np.ndarray:
    point = np.zeros(patch)
    point[tuple(n // 2 for n in patch)] = 1
    weights = gaussian_filter(point, [n / 8 for n in patch], 0, mode='constant', cval=0)
    weights /= weights.max()
    weights[weights == 0] = weights[weights != 0].min()
    return weights


def mirrored_prediction(window: torch.Tensor, run, axes: tuple[int, ...]) -> torch.Tensor:
    sets = [chosen for count in range(len(axes) + 1) for chosen in itertools.combinations(axes, count)]
    return sum(torch.flip(run(torch.flip(window, [2 + a for a in chosen])), [2 + a for a in chosen]) for chosen in sets) / len(sets)


def sliding(image: np.ndarray, run, patch: list[int], heads: int, axes: tuple[int, ...]) -> np.ndarray:
    lacking = [max(0, p - n) for p, n in zip(patch, image.shape)]
    padding = [(n // 2, n // 2 + n % 2) for n in lacking]
    padded = np.pad(image, padding, constant_values=0)
    logits, weights, weight = np.zeros((heads, *padded.shape)), np.zeros(padded.shape), gaussian(patch)
    for start in itertools.product(*(steps(n, p) for n, p in zip(padded.shape, patch))):
        where = tuple(slice(s, s + p) for s, p in zip(start, patch))
        window = torch.from_numpy(padded[where].astype(np.float32))[None, None]
        logits[(slice(None), *where)] += mirrored_prediction(window, run, axes)[0].double().numpy() * weight
        weights[where] += weight
    return (logits / weights)[(slice(None), *(slice(low, low + n) for (low, _), n in zip(padding, image.shape)))]


def decided(logits: np.ndarray, dataset: dict) -> np.ndarray:
    kinds = np.zeros(logits.shape[1:], np.uint8)
    labels = dataset['labels']
    if 'regions_class_order' in dataset:
        names = {value: name for name, value in labels.items() if not isinstance(value, list)} | {1: 'liver'}
        for channel, value in enumerate(dataset['regions_class_order']):
            kinds[1 / (1 + np.exp(-logits[channel])) > 0.5] = KINDS[names[value]]
        return kinds
    values = logits.argmax(0)
    for name, value in labels.items():
        kinds[values == value] = KINDS.get(name, 0)
    return kinds


def main() -> None:
    case, model = CASES[sys.argv[1]], Path(sys.argv[2])
    write_model(case, model)
    if len(sys.argv) == 5:
        predict(case, model, Path(sys.argv[3]), Path(sys.argv[4]))


def predict(case: dict, model: Path, dicom: Path, out: Path) -> None:
    plans, dataset = (json.loads((model / name).read_text()) for name in ('plans.json', 'dataset.json'))
    configuration = plans['configurations']['3d_fullres']
    architecture = configuration['architecture']
    residual = 'Residual' in architecture['network_class_name']
    image, spacing = read_series(dicom)
    image = stored_as(image, case['orientation']).transpose(plans['transpose_forward'])
    spacing = [spacing[axis] for axis in plans['transpose_forward']]
    target = configuration['spacing']
    shape = tuple(int(round(i / j * k)) for i, j, k in zip(spacing, target, image.shape))
    seen = plans['foreground_intensity_properties_per_channel']['0']
    ready = resampled(normalised(image, configuration['normalization_schemes'][0], seen), shape, spacing, target, 3)
    logits = []
    for fold in sorted(model.glob('fold_*')):
        weights = torch.load(str(fold / 'checkpoint_final.pth'))['network_weights']
        run = lambda window: forward(window, weights, architecture['arch_kwargs'], residual)  # noqa: B023, E731: used within the turn
        with torch.no_grad():
            logits.append(sliding(ready, run, configuration['patch_size'], case['heads'], case['mirror_axes']))
    mean = np.mean(logits, 0)
    back = np.stack([resampled(channel, image.shape, target, spacing, 1) for channel in mean])
    kinds = decided(back, dataset).transpose(plans['transpose_backward'])
    out.write_bytes(np.ascontiguousarray(stored_as(kinds, case['orientation'])).tobytes())


if __name__ == '__main__':
    main()
