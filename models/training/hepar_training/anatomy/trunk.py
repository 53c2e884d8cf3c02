"""Skin, fat, wall, the muscles along the spine, the costal diaphragm and the scanner's table."""
from __future__ import annotations

import numpy as np

from ..fields import smooth_max
from ..scene import Scene


def draw(scene: Scene) -> None:
    plan, t = scene.plan, scene.plan.tissues
    rng = plan.rng('wall')
    u = rng.uniform
    scene.paint(scene.skin, t.fat + 6 * scene.mottle)
    scene.paint(np.maximum(scene.skin, -(scene.skin + 2)), -10)
    scene.paint(scene.wall, t.muscle - 25 * u(0, 2) * np.clip(scene.mottle - 0.9, 0, 2))
    if not plan.plain and rng.random() < 0.6:  # fat between the layers of the wall
        layer = np.abs(0.5 * (scene.cavity + scene.wall) + u(-4, 4)) - u(0.3, 1.6)
        scene.paint(np.maximum(layer, 0.4 - scene.mottle), t.fat + 30)
    filling = u(10, 60) if plan.plain and rng.random() < 0.45 else t.fat
    scene.paint(scene.cavity, filling + 8 * scene.mottle + u(10, 130) * np.clip(scene.grain - 1.1, 0, 1))
    _draw_back_muscles(scene)
    if not plan.plain and rng.random() < 0.7:  # the diaphragm lines the ribs where there is no fat
        scene.paint(smooth_max(4, scene.cavity, scene.above_diaphragm, -(scene.cavity + u(1, 6))), t.muscle)


def _draw_back_muscles(scene: Scene) -> None:
    plan, (x, y, _) = scene.plan, scene.trunk
    u = plan.rng('back muscles').uniform
    for side in (-1, 1):
        psoas = np.sqrt(((x - side * (plan.vertebra[0] + u(8, 14))) / u(11, 20)) ** 2 + ((y - plan.spine_y - 4) / u(12, 18)) ** 2) - 1
        scene.paint(np.maximum(psoas * 12, scene.p[2] - (plan.liver_low_z + 10)), plan.tissues.muscle)
        erector = np.sqrt(((x - side * u(28, 36)) / u(22, 30)) ** 2 + ((y - plan.spine_y - u(34, 42)) / u(15, 22)) ** 2) - 1
        scene.paint(np.maximum(erector * 16, scene.wall), plan.tissues.muscle - 20 * u(0, 2) * np.clip(scene.grain, 0, 2))


def draw_table(scene: Scene) -> None:
    rng = scene.plan.rng('table')
    if rng.random() < 0.85:
        x, y, _ = scene.position
        below = (scene.plan.cavity_y + scene.plan.wall + 45 + 0.6 * scene.plan.side_fat) * rng.uniform(0.98, 1.06)
        sheet = np.abs(y - (below - rng.uniform(0, 0.0012) * x * x)) - rng.uniform(1, 2.5)
        scene.paint(sheet, rng.uniform(-650, -150))
