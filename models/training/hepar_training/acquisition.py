"""What the scanner does to the body: blur, slice thickness, noise, streaks, the reconstruction circle."""
from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from .scene import BACKGROUND, Scene


def acquire(scene: Scene) -> np.ndarray:
    """The scene's HU as a CT would show them, float32 [z, y, x]; what lies outside the reconstruction loses its label."""
    plan, grid = scene.plan, scene.grid
    rng = plan.rng('acquisition')
    u, h = rng.uniform, scene.voxel_mm
    slice_mm = float(rng.choice([0, 1.25, 2.5, 5.0, 7.5], p=[0.28, 0.27, 0.22, 0.16, 0.07]))
    in_plane = u(0.3, 1.0) / grid.spacing_mm[0]
    hu = gaussian_filter(scene.hu, [max(0.3, max(0.25 * h, 0.35 * slice_mm) / grid.spacing_mm[2]), max(0.3, in_plane), max(0.3, in_plane)])
    hu = hu + _noise(scene, rng)
    if rng.random() < 0.2 and not plan.plain:
        hu = hu + _streaks(scene, rng)
    if rng.random() < 0.25:
        x, y, _ = scene.position
        unseen = (x - u(-20, 20)) ** 2 + (y - u(-10, 30)) ** 2 > u(150, 230) ** 2
        hu[unseen] = -1024
        scene.labels[unseen] = BACKGROUND
    return np.clip(hu, -1024, 1500).astype(np.float32)


def _noise(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Band-passed noise, as filtered back projection leaves it, stronger in the middle of the body. Averaging over the
    voxel lowers it: the plan's figure is for 2 mm."""
    plan = scene.plan
    white = rng.standard_normal(scene.hu.shape, dtype=np.float32)
    band = gaussian_filter(white, (0.45, 0.6, 0.6)) - 0.7 * gaussian_filter(white, (0.45, 1.6, 1.6))
    band *= plan.noise_hu * min(1.0, 2.0 / scene.voxel_mm) / max(float(band.std()), 1e-6)
    x, y, _ = scene.position
    return band * (0.7 + 0.6 * np.exp(-((x / plan.cavity_x) ** 2 + (y / plan.cavity_y) ** 2)))


def _streaks(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, np.pi)
    profile = gaussian_filter(rng.standard_normal(400), 1.5).astype(np.float32) * rng.uniform(5, 30)
    across = (np.cos(angle) * scene.position[0] + np.sin(angle) * scene.position[1]) / 2 + 200
    return profile[np.clip(across, 0, 399).astype(int)]
