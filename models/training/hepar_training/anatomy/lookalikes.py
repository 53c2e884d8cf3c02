"""Things in the liver that are no lesion: they keep the networks from marking whatever differs.

Perfusion differences: wedges under the capsule, bright in the arterial phase (Colagrande et al., AJR 2004;183:459).
Focal fat and focal sparing: beside the falciform ligament, gallbladder and hilum, or as a map of the liver, without
mass effect (Hamer et al., RadioGraphics 2006;26:1637). Both keep the label of the liver."""
from __future__ import annotations

import numpy as np

from ..fields import ellipsoid, random_rotation, smooth_max
from ..scene import BACKGROUND, LIVER, Scene
from .liver import hilum_mm
from .organs import blob, gallbladder_mm


def draw(scene: Scene, surface: np.ndarray) -> None:
    """Paints over the healthy liver, before its lesions."""
    if scene.plan.plain:
        return
    _perfusion(scene, surface)
    _focal_fat(scene, surface)
    _geographic_fat(scene, surface)
    _fat_in_clefts(scene)


def _shift(scene: Scene, region: np.ndarray, by_hu: float, soft_mm: float, box) -> None:
    scene.paint(np.where(scene.labels[box] == LIVER, region, 9), scene.hu[box] + by_hu, None, box, soft_mm)


def _perfusion(scene: Scene, surface: np.ndarray) -> None:
    rng = scene.plan.rng('perfusion')
    if rng.random() > (0.4 if scene.plan.tissues.phase == 'arterial' else 0.12):
        return
    u = rng.uniform
    for _ in range(int(rng.integers(1, 4))):
        apex = hilum_mm(scene) + (-u(10, 50), u(-30, 30), u(0, 50))
        out = rng.standard_normal(3)
        out /= np.linalg.norm(out)
        q = [scene.p[i] - np.float32(apex[i]) for i in range(3)]
        along = sum(np.float32(out[i]) * q[i] for i in range(3))
        away = np.sqrt(np.maximum(sum(c * c for c in q) - along * along, 0))
        wedge = np.maximum(away - u(0.25, 0.6) * along, np.float32(u(25, 60)) - along)
        _shift(scene, np.maximum(wedge, surface), u(10, 35) * (1 if rng.random() < 0.85 else -0.6), u(2, 6), (slice(None),) * 3)


def _focal_fat(scene: Scene, surface: np.ndarray) -> None:
    rng, plan = scene.plan.rng('focal fat'), scene.plan
    if rng.random() > 0.15:
        return
    u = rng.uniform
    where = rng.choice(['falciform', 'gallbladder', 'hilum'])
    centre = {
        'falciform': (u(-15, 25), -0.6 * plan.cavity_y, plan.liver_low_z + u(20, 60)),
        'gallbladder': np.mean(gallbladder_mm(plan), 0) + (u(-15, 15), u(-15, 15), u(12, 28)),
        'hilum': hilum_mm(scene) + (u(-15, 5), -u(5, 15), u(0, 15)),
    }[str(where)]
    box = scene.box(centre, 30)
    if box is not None:
        region = ellipsoid(scene.at(box), centre, (u(7, 14), u(10, 26), u(10, 26)), random_rotation(rng, 0.5))
        _shift(scene, smooth_max(2, region + 2 * scene.grain[box], surface[box]), u(10, 40) * (-1 if plan.tissues.liver > 40 else 1), u(2, 6), box)


def _geographic_fat(scene: Scene, surface: np.ndarray) -> None:
    rng = scene.plan.rng('geographic fat')
    if rng.random() < 0.1:
        region = np.maximum(surface, 9 * (np.float32(rng.uniform(0.3, 0.9)) - scene.mottle))
        _shift(scene, region, -rng.uniform(8, 28), 6, (slice(None),) * 3)


def _fat_in_clefts(scene: Scene) -> None:
    """Folds of the diaphragm and fat that dips into the surface: dark, small, and outside the liver."""
    rng, plan = scene.plan.rng('clefts'), scene.plan
    u = rng.uniform
    for _ in range(int(rng.integers(0, 4))):
        centre = (-u(0.1, 0.9) * plan.cavity_x, -u(0.2, 0.9) * plan.cavity_y, plan.dome_right_z - u(0, 60))
        blob(scene, centre, (u(1.5, 4), u(6, 16), u(8, 25)), plan.tissues.fat, BACKGROUND, random_rotation(rng, 0.8), -scene.abdomen - 14)
