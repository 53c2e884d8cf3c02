"""What the scanner does to the body: blur, slice thickness, noise, streaks, breathing, the reconstruction circle."""
from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from .intensity import AIR_HU
from .scene import BACKGROUND, Scene

SLICES_MM = (0.6, 1.0, 1.5, 2.0, 3.0, 5.0)
_SLICE_SHARE = (0.1, 0.17, 0.15, 0.16, 0.2, 0.22)


def acquire(scene: Scene) -> np.ndarray:
    """The scene's HU as a CT would show them, float32 [z, y, x]; what lies outside the reconstruction loses its label."""
    plan, grid = scene.plan, scene.grid
    rng = plan.rng('acquisition')
    u, h = rng.uniform, scene.voxel_mm
    slice_mm = float(rng.choice(SLICES_MM, p=_SLICE_SHARE))
    sharp = u(0, 1)  # of the kernel: from soft tissue to lung
    in_plane = (1.0 - 0.7 * sharp) / grid.spacing_mm[0]
    if not plan.plain and rng.random() < 0.08:
        _breathe(scene, rng)
    hu = gaussian_filter(scene.hu, [max(0.3, max(0.25 * h, 0.35 * slice_mm) / grid.spacing_mm[2]), max(0.3, in_plane), max(0.3, in_plane)])
    hu = hu + _noise(scene, rng, sharp, slice_mm)
    if scene.metal.any():
        hu = hu + _metal_streaks(scene, rng)
    if rng.random() < 0.2 and not plan.plain:
        hu = hu + _streaks(scene, rng)
    if rng.random() < 0.25:
        x, y, _ = scene.position
        unseen = (x - u(-20, 20)) ** 2 + (y - u(-10, 30)) ** 2 > u(150, 230) ** 2
        hu[unseen] = AIR_HU
        scene.labels[unseen] = BACKGROUND
        scene.lesion_numbers[unseen] = 0
    return np.clip(hu, AIR_HU, 1500).astype(np.float32)


def _breathe(scene: Scene, rng: np.random.Generator) -> None:
    """Between two table positions the patient has breathed: what lies above a slice is seen a few mm higher or lower."""
    level = scene.plan.dome_right_z - rng.uniform(-10, 130)
    first = int(np.searchsorted(scene.grid.origin_mm[2] + scene.grid.spacing_mm[2] * np.arange(len(scene.hu)), level))
    if not 3 < first < len(scene.hu) - 3:
        return
    move = [rng.uniform(-9, 9) / scene.grid.spacing_mm[2], rng.uniform(-3, 3) / scene.grid.spacing_mm[1], 0]
    scene.hu[first:] = shift(scene.hu, move, order=1, mode='nearest')[first:]
    for labels in (scene.labels, scene.lesion_numbers):
        labels[first:] = shift(labels, move, order=0, mode='nearest')[first:]


def _noise(scene: Scene, rng: np.random.Generator, sharp: float, slice_mm: float) -> np.ndarray:
    """Band-passed noise, as filtered back projection leaves it, stronger in the middle of the body; blotchy where an
    iterative reconstruction has smoothed it. A sharp kernel keeps its fine grain. Averaging over the voxel lowers it:
    the plan's figure is for 2 mm."""
    plan, (_, _, h) = scene.plan, scene.grid.spacing_mm
    white = rng.standard_normal(scene.hu.shape, dtype=np.float32)
    along = max(0.45, 0.3 * slice_mm / h)
    fine, coarse = (0.75 - 0.35 * sharp, 1.6) if rng.random() < 0.75 else (1.1, 2.6)
    band = gaussian_filter(white, (along, fine, fine)) - 0.7 * gaussian_filter(white, (along, coarse, coarse))
    band *= plan.noise_hu * min(1.0, 2.0 / scene.voxel_mm) / max(float(band.std()), 1e-6)
    x, y, _ = scene.position
    return band * (0.7 + 0.6 * np.exp(-((x / plan.cavity_x) ** 2 + (y / plan.cavity_y) ** 2)))


def _streaks(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, np.pi)
    profile = gaussian_filter(rng.standard_normal(400), 1.5).astype(np.float32) * rng.uniform(5, 30)
    across = (np.cos(angle) * scene.position[0] + np.sin(angle) * scene.position[1]) / 2 + 200
    return profile[np.clip(across, 0, 399).astype(int)]


def _metal_streaks(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Bright and dark rays in the slices that hold metal, fading with the distance from it."""
    result = np.zeros_like(scene.hu)
    x, y = scene.position[0][0], scene.position[1][0]
    rays = gaussian_filter(rng.standard_normal(360), 3, mode='wrap').astype(np.float32)
    rays *= rng.uniform(60, 220) / max(float(rays.std()), 1e-6)
    for z in np.flatnonzero(scene.metal.any((1, 2))):
        at = np.argwhere(scene.metal[z]).mean(0).astype(int)
        dx, dy = x - x[at[0], at[1]], y - y[at[0], at[1]]
        angle = ((np.arctan2(dy, dx) / (2 * np.pi) + 0.5) * 360).astype(int) % 360
        result[z] += rays[angle] * np.exp(-np.hypot(dx, dy) / 25)
    return result
