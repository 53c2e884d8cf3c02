"""The two stages in Python, for evaluation: the same way as the server's, written independently of it."""
from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from scipy import ndimage

from .ct_files import Scan
from .intensity import AIR_HU, around_liver_median, window
from .model import Model, Stage

_AROUND = np.ones((3, 3, 3), bool)
# Fat and soft tissue are above this; air, lung, foam and cloth below.
TISSUE_HU = -200
AROUND_BODY_MM = 6


@dataclass
class Result:
    located: np.ndarray  # bool [z, y, x] on the scan's grid
    labels: np.ndarray  # uint8: 0 background, 1 liver, 2 lesion
    lesion_probability: np.ndarray


def to_grid(hu: np.ndarray, spacing_zyx, target_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Block average by whole factors, then linear interpolation. Returns the volume and the scale (voxels of the scan
    per voxel of the grid, [z, y, x]); voxel k of the grid has its centre at (k + 0.5) * scale - 0.5."""
    blocks = [max(1, int(target_mm / s + 1e-6)) for s in spacing_zyx]
    padded = np.pad(hu, [(0, -n % b) for n, b in zip(hu.shape, blocks)], mode='edge')
    z, y, x = (n // b for n, b in zip(padded.shape, blocks))
    averaged = padded.reshape(z, blocks[0], y, blocks[1], x, blocks[2]).mean((1, 3, 5), dtype=np.float32)
    scale = np.array([target_mm / s for s in spacing_zyx])
    shape = [max(1, int(np.ceil(n / f))) for n, f in zip(hu.shape, scale)]
    axes = [((np.arange(n) + 0.5) * f - 0.5 - (b - 1) / 2) / b for n, f, b in zip(shape, scale, blocks)]
    return ndimage.map_coordinates(averaged, np.meshgrid(*axes, indexing='ij'), order=1, mode='nearest').astype(np.float32), scale


def from_grid(field: np.ndarray, scale: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A field of the grid back on the scan's voxels, linear."""
    for axis in range(3):
        at = np.clip((np.arange(shape[axis]) + 0.5) / scale[axis] - 0.5, 0, field.shape[axis] - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, field.shape[axis] - 1)
        share = (at - low).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(3)])
        field = np.take(field, low, axis) * (1 - share) + np.take(field, high, axis) * share
    return field


def starts(length: int, size: int, overlap: float) -> list[int]:
    """First voxels of the windows that cover an axis, evenly spaced."""
    if length <= size:
        return [0]
    count = int(np.ceil((length - size) / (size * (1 - overlap)))) + 1
    return [int(round(k * (length - size) / (count - 1))) for k in range(count)]


def window_for(shape_zyx: tuple[int, ...], stage: Stage) -> tuple[int, int, int]:
    """The stage's window, or the larger one of which the fewest voxels in all cover a grid, and the fewest windows."""
    best = (np.inf, 0, stage.window_zyx)
    if stage.larger_windows is None:
        return stage.window_zyx
    step, most = stage.larger_windows['stepVoxels'], stage.larger_windows['mostVoxels']
    # Whoever takes more windows along an axis than the smallest of them need gains nothing.
    counts = [len(starts(n, s, stage.overlap)) for n, s in zip(shape_zyx, stage.window_zyx)]
    for tried in product(*(range(1, count + 1) for count in counts)):
        edges = [n / (1 + (count - 1) * (1 - stage.overlap)) for n, count in zip(shape_zyx, tried)]
        size = tuple(max(least, step * int(np.ceil(edge / step - 1e-9))) for edge, least in zip(edges, stage.window_zyx))
        windows = int(np.prod([len(starts(n, s, stage.overlap)) for n, s in zip(shape_zyx, size)]))
        voxels = int(np.prod(size))
        if voxels <= max(most, int(np.prod(stage.window_zyx))):
            best = min(best, (windows * voxels, windows, size))
    return best[2]


def slide(stage: Stage, x: np.ndarray, fill: float) -> np.ndarray:
    """Probabilities [class, z, y, x] on the stage's grid: Gaussian-weighted mean over sliding windows."""
    size_zyx, overlap = stage.window_zyx, stage.overlap
    padded = np.pad(x, [(0, max(0, s - n)) for n, s in zip(x.shape, size_zyx)], constant_values=fill)
    bell = np.ones(size_zyx, np.float32)
    for axis, n in enumerate(size_zyx):
        profile = np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 8)) ** 2).astype(np.float32)
        bell *= profile.reshape([-1 if i == axis else 1 for i in range(3)])
    bell = np.maximum(bell, 1e-4)
    total, weight = None, np.zeros(padded.shape, np.float32)
    for corner in np.ndindex(*[len(starts(n, s, overlap)) for n, s in zip(padded.shape, size_zyx)]):
        at = [starts(n, s, overlap)[k] for n, s, k in zip(padded.shape, size_zyx, corner)]
        box = tuple(slice(a, a + s) for a, s in zip(at, size_zyx))
        with torch.no_grad():
            p = stage.net(torch.from_numpy(padded[box])[None, None])[0].softmax(1)[0].numpy()
        total = np.zeros((len(p), *padded.shape), np.float32) if total is None else total
        total[(slice(None), *box)] += p * bell
        weight[box] += bell
    return (total / weight)[(slice(None), *(slice(0, n) for n in x.shape))]


def largest(mask: np.ndarray) -> np.ndarray:
    components, count = ndimage.label(mask, _AROUND)
    if count < 2:
        return mask
    return components == 1 + int(np.argmax(np.bincount(components.ravel())[1:]))


def _on_scan(field: np.ndarray, scale: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """[class, z, y, x] on the scan's own voxels."""
    return np.stack([from_grid(c, scale, shape) for c in field])


def body_box(coarse: np.ndarray, least_voxels: float, around_voxels: int) -> tuple[slice, ...]:
    """Around all pieces of fat and soft tissue of at least a size, all of the grid where there is none."""
    pieces, count = ndimage.label(coarse > TISSUE_HU, _AROUND)
    body = (np.bincount(pieces.ravel(), minlength=count + 1) >= least_voxels)[pieces] & (pieces > 0)
    inside = np.nonzero(body) if body.any() else np.indices(coarse.shape).reshape(3, -1)
    return tuple(slice(max(0, int(i.min()) - around_voxels), int(i.max()) + 1 + around_voxels) for i in inside)


def locate(scan: Scan, stage: Stage, least_liver_ml: float) -> tuple[np.ndarray, np.ndarray]:
    """Stage 1's liver, bool [z, y, x] on the scan's voxels, and its probability. It sees the box around the body."""
    coarse, scale = to_grid(scan.hu, scan.spacing_mm[::-1], stage.spacing_mm)
    box = body_box(coarse, least_liver_ml * 1000 / stage.spacing_mm**3, int(np.ceil(AROUND_BODY_MM / stage.spacing_mm)))
    p = slide(stage, window(coarse[box]), float(window(np.array(AIR_HU))))
    whole = np.zeros((len(p), *coarse.shape), np.float32)
    whole[0] = 1
    whole[(slice(None), *box)] = p
    p = _on_scan(whole, scale, scan.hu.shape)
    return largest(p.argmax(0) == 1), p[1]


def _fitted(stage: Stage, box: tuple[slice, ...], spacing_zyx, shape: tuple[int, ...]) -> tuple[Stage, tuple[slice, ...]]:
    """The stage with the windows that suit the box, and the box widened to what its windows see where the scan goes on."""
    fine = [int(np.ceil((s.stop - s.start) * mm / stage.spacing_mm)) for s, mm in zip(box, spacing_zyx)]
    size = window_for(tuple(fine), stage)
    more = [max(0, int((w - n) * stage.spacing_mm / mm / 2)) for n, w, mm in zip(fine, size, spacing_zyx)]
    return replace(stage, window_zyx=size), tuple(slice(max(0, s.start - m), min(n, s.stop + m)) for s, m, n in zip(box, more, shape))


def segment_scan(scan: Scan, model: Model, rules: dict | None = None, located: np.ndarray | None = None) -> Result:
    """`rules` replace the model's post-processing, `located` stage 1's liver."""
    spacing = scan.spacing_mm[::-1]
    if located is None:
        located, before = locate(scan, model.locate, model.least_liver_ml)
    else:
        before = located.astype(np.float32)
    result = Result(located, np.zeros(scan.hu.shape, np.uint8), np.zeros(scan.hu.shape, np.float32))
    if located.sum() * np.prod(spacing) / 1000 < model.least_liver_ml:
        return result
    median = float(np.median(scan.hu[located]))
    box = tuple(slice(max(0, int(i.min() - model.margin_mm / s)), min(n, int(i.max() + model.margin_mm / s) + 2)) for i, s, n in zip(np.nonzero(located), spacing, scan.hu.shape))
    stage, box = _fitted(model.segment, box, spacing, scan.hu.shape)
    inside = scan.hu[box]
    fine, scale = to_grid(inside, spacing, stage.spacing_mm)
    p = _on_scan(slide(stage, around_liver_median(fine, median), float(around_liver_median(np.array(AIR_HU), median))), scale, inside.shape)
    # What stage 1, which sees more of the body, did not take for liver anywhere near is none.
    far = ndimage.distance_transform_edt(~located[box], sampling=spacing) > model.margin_mm + model.locate.spacing_mm
    # First whether it is liver, diseased or not, in which stage 1 has a share: neither of the two need be the most probable.
    liver = np.maximum(0, (1 - model.locate_share) * (p[1] + p[2]) + model.locate_share * before[box] - p[2])
    liver[far], p[2, far] = 0, 0
    labels = np.where(liver + p[2] > 0.5, np.where(p[2] > liver, 2, 1), 0).astype(np.uint8)
    result.labels[box] = postprocess(labels, p[2], float(np.prod(spacing)) / 1000, rules or model.postprocessing)
    result.lesion_probability[box] = p[2]
    return result


def share_inside(labels: np.ndarray, lesion: np.ndarray) -> float:
    """Of the voxels around a lesion (bool, same shape as `labels`), the share that is liver or lesion."""
    shell = ndimage.binary_dilation(lesion, _AROUND) & ~lesion
    return float((labels[shell] > 0).mean())


def postprocess(labels: np.ndarray, lesion_probability: np.ndarray, voxel_ml: float, rules: dict) -> np.ndarray:
    """The manifest's rules, in the manifest's order."""
    if rules['keepLargestLiver']:
        labels = np.where(largest(labels > 0), labels, 0).astype(np.uint8)
    holes, count = ndimage.label(ndimage.binary_fill_holes(labels > 0) & (labels == 0))
    sizes = np.bincount(holes.ravel(), minlength=count + 1)
    labels[(holes > 0) & (sizes[holes] * voxel_ml <= rules['fillHolesMl'])] = 1
    components, _ = ndimage.label(labels == 2, _AROUND)
    for number, box in enumerate(ndimage.find_objects(components), start=1):
        lesion = components[box] == number
        if lesion.sum() * voxel_ml < rules['leastLesionMl'] or lesion_probability[box][lesion].mean() < rules['leastLesionConfidence']:
            labels[box][lesion] = 1
            continue
        wider = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
        this = components[wider] == number
        if share_inside(labels[wider], this) < rules['leastInsideLiver']:
            labels[wider][this] = 0
    return labels
