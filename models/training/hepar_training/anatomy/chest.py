"""What lies above the diaphragm: lungs, effusion, mediastinum, heart."""
from __future__ import annotations

import numpy as np

from ..fields import random_rotation, smooth_max
from ..scene import BACKGROUND, Scene
from .great_vessels import aorta_surface
from .organs import blob


def draw(scene: Scene) -> None:
    plan, t, (x, y, _) = scene.plan, scene.plan.tissues, scene.trunk
    rng = plan.rng('chest')
    u, above = rng.uniform, scene.above_diaphragm
    scene.paint(np.maximum(np.abs(above) - u(0.8, 2.2), scene.cavity), t.muscle, BACKGROUND)
    lung = smooth_max(5, scene.cavity + 2, -above + 2)
    scene.paint(lung, u(-900, -780) + 25 * scene.grain + 160 * np.clip(scene.grain - 1.2, 0, 2), BACKGROUND)
    effusion, level, fluid = rng.random() < 0.12, u(0.3, 0.7), u(0, 20) if rng.random() < 0.6 else u(30, 100)
    if effusion and not plan.plain:
        scene.paint(np.maximum(lung, -(scene.position[1] - level * plan.cavity_y)), fluid, BACKGROUND)
    if not plan.plain and rng.random() < 0.12:  # consolidation
        centre = (rng.choice([-1, 1]) * 0.5 * plan.cavity_x, u(-0.4, 0.4) * plan.cavity_y, plan.dome_right_z + u(20, 170))
        blob(scene, centre, u(10, 50, 3), u(20, 90), BACKGROUND, within=lung)
    middle = np.sqrt(((x - u(-5, 10)) / u(28, 40)) ** 2 + ((y - plan.spine_y + 22) / u(30, 45)) ** 2) - 1
    scene.paint(np.maximum(middle * 28, -above), t.fat + u(0, 60), BACKGROUND)
    _draw_heart(scene, rng)
    scene.paint(np.maximum(aorta_surface(scene), -above), t.aorta, BACKGROUND)
    oesophagus = (u(-6, 6), plan.spine_y - plan.vertebra[1] - 18, plan.dome_right_z + 60)
    blob(scene, oesophagus, (8, 8, 70), t.soft, BACKGROUND)


def _draw_heart(scene: Scene, rng: np.random.Generator) -> None:
    plan, t, u = scene.plan, scene.plan.tissues, rng.uniform
    blood = t.aorta if rng.random() < 0.6 else t.liver + u(-20, 40)
    centre = np.array((u(5, 35), -u(0.05, 0.35) * plan.cavity_y, plan.dome_left_z + u(8, 45)))
    radii = np.array((u(50, 74), u(42, 60), u(36, 68)))
    room = np.maximum(scene.cavity + 3, -scene.above_diaphragm + 1)
    if rng.random() < 0.7:
        blob(scene, centre, radii + u(2, 10), t.fat + 20, BACKGROUND, within=room)
    blob(scene, centre, radii, t.muscle + 0.35 * (blood - 40), BACKGROUND, within=room)
    for aside in ((-18, 8, 0), (20, 2, 0)):
        blob(scene, centre + aside, radii * 0.42, blood * u(0.75, 1.05), BACKGROUND, within=room, soft_mm=scene.voxel_mm)
    vessels = np.maximum(scene.cavity + 4, -scene.above_diaphragm)
    for _ in range(5):
        where = (u(-25, 35), u(-0.4, 0.3) * plan.cavity_y, plan.dome_left_z + u(60, 150))
        blob(scene, where, (u(9, 17), u(9, 17), u(12, 40)), blood * u(0.6, 1.05), BACKGROUND, random_rotation(rng, 1), vessels)
