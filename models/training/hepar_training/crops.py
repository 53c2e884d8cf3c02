"""Random training crops: where they lie, how they are deformed, and what is done to their HU."""
from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter

from .fields import rotation
from .intensity import AIR_HU, around_liver_median, window
from .pool import IGNORE
from .scene import GALLBLADDER, LESION, LIVER

LOCATE_CROP_ZYX = (64, 80, 96)
SEGMENT_CROP_ZYX = (48, 64, 64)
# From the scene's labels (background, liver, lesion, spleen, kidney, gallbladder) to the classes of a stage.
_LOCATE_CLASSES = np.array([0, 1, 1, 2, 3, 0])  # background, liver, spleen, kidney
_SEGMENT_CLASSES = np.array([0, 1, 2, 0, 0, 3])  # background, liver, lesion, gallbladder


def resample(hu: np.ndarray, labels: np.ndarray, centre_zyx, step_xyz: np.ndarray, shape_zyx) -> tuple[np.ndarray, np.ndarray]:
    """A crop of `shape_zyx` around a voxel; `step_xyz` (3x3) takes one voxel of the crop to voxels of the volume.
    Outside the volume there is air."""
    size_xyz = np.array(hu.shape[::-1], float)
    half = np.array(shape_zyx[::-1], float) / 2
    matrix = step_xyz * half[None, :] / (size_xyz[:, None] / 2)
    shift = (2 * np.asarray(centre_zyx, float)[::-1] + 1) / size_xyz - 1
    theta = torch.from_numpy(np.concatenate([matrix, shift[:, None]], 1)[None].astype(np.float32))
    grid = F.affine_grid(theta, (1, 1, *shape_zyx), align_corners=False)
    image = torch.from_numpy(hu.astype(np.float32) - np.float32(AIR_HU))[None, None]
    mask = torch.from_numpy(labels.astype(np.float32))[None, None]
    return (
        F.grid_sample(image, grid, align_corners=False)[0, 0].numpy() + np.float32(AIR_HU),
        F.grid_sample(mask, grid, mode='nearest', align_corners=False)[0, 0].numpy().astype(np.uint8),
    )


def random_step(rng: np.random.Generator, turn_deg: float, scale: float) -> np.ndarray:
    if rng.random() < 0.3:
        return np.eye(3)
    return rotation(*rng.normal(0, np.deg2rad(turn_deg), 3)) @ np.diag(rng.uniform(1 - scale, 1 + scale) * rng.uniform(0.95, 1.05, 3))


def thick_slices(hu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Averages two or three slices and brings them back, as a coarse scan resampled to a fine grid looks."""
    factor = int(rng.integers(2, 4))
    averaged = F.avg_pool3d(torch.from_numpy(hu)[None, None], (factor, 1, 1), ceil_mode=True)
    mode = {'mode': 'trilinear', 'align_corners': False} if rng.random() < 0.7 else {'mode': 'nearest'}
    return F.interpolate(averaged, size=hu.shape, **mode)[0, 0].numpy()


def locate_crop(hu: np.ndarray, labels: np.ndarray, rng: np.random.Generator, crop_zyx=LOCATE_CROP_ZYX) -> tuple[np.ndarray, np.ndarray]:
    """Input float32 and classes int64, both `crop_zyx`. Never mirrored: the liver has a side."""
    u = rng.uniform
    shape, crop = np.array(hu.shape), np.array(crop_zyx)
    slack = np.maximum(shape - crop, 0) / 2 + 6
    x, y = resample(hu, labels, (shape - 1) / 2 + u(-slack, slack), random_step(rng, 5, 0.12), crop_zyx)
    if rng.random() < 0.2:
        x = thick_slices(x, rng)
    if rng.random() < 0.2:
        x = gaussian_filter(x, u(0.3, 0.9))
    x = (x + 50) * u(0.88, 1.12) - 50 + u(-15, 15)
    if rng.random() < 0.3:
        x = x + rng.standard_normal(x.shape, dtype=np.float32) * u(2, 25)
    if rng.random() < 0.35:
        x = ((np.clip(x, -200, 300) + 200) / 500) ** u(0.7, 1.4) * 500 - 200
    return window(x), _LOCATE_CLASSES[y]


def _segment_centre(labels: np.ndarray, rng: np.random.Generator, want_lesion: bool, crop_zyx) -> np.ndarray:
    half = np.array(crop_zyx) / 2
    low, high = np.minimum(half - 6, np.array(labels.shape) / 2), np.maximum(np.array(labels.shape) - half + 5, np.array(labels.shape) / 2)
    # Of the other crops some are centred near a gallbladder: nothing else looks so much like a cyst.
    sought = LESION if want_lesion else GALLBLADDER if rng.random() < 0.3 else None
    if sought:
        points = np.argwhere(labels == sought)
        if len(points):
            return np.clip(points[rng.integers(len(points))] + rng.uniform(-16, 16, 3), low, high)
    return rng.uniform(low, high)


def segment_crop(hu: np.ndarray, labels: np.ndarray, liver_hu: float, rng: np.random.Generator, want_lesion: bool, crop_zyx=SEGMENT_CROP_ZYX) -> tuple[np.ndarray, np.ndarray]:
    """Input float32 and classes int64 (background, liver, lesion, gallbladder, IGNORE), both `crop_zyx`."""
    u = rng.uniform
    x, y = resample(hu, labels, _segment_centre(labels, rng, want_lesion, crop_zyx), random_step(rng, 6, 0.15), crop_zyx)
    liver = x[y == LIVER]
    median = float(np.median(liver)) if liver.size > 400 else liver_hu
    if rng.random() < 0.2:
        x = thick_slices(x, rng)
    if rng.random() < 0.2:
        x = gaussian_filter(x, u(0.3, 0.8))
    # The median of the first stage's liver is a few HU off, and now and then many.
    off = u(-20, 20) if rng.random() < 0.1 else rng.normal(0, 5)
    x = (x - median) * u(0.85, 1.15) + off
    if rng.random() < 0.25:
        x = x + rng.standard_normal(x.shape, dtype=np.float32) * u(2, 15)
    return around_liver_median(x, 0.0), np.where(y == IGNORE, IGNORE, np.take(_SEGMENT_CLASSES, y, mode='clip'))
