"""Arms beside the trunk, legs below it, shoulders and neck above: what scans from neck to pelvis show besides."""
from __future__ import annotations

import numpy as np

from ..fields import capsule
from ..scene import BACKGROUND, Scene


def draw(scene: Scene) -> None:
    plan = scene.plan
    rng = plan.rng('limbs')
    low, high = float(scene.trunk[2].min()), float(scene.trunk[2].max())
    side = plan.cavity_x + plan.wall + plan.side_fat
    radius = rng.uniform(32, 52)
    if plan.arms_down:
        for sign in (-1, 1):
            x = sign * (side * rng.uniform(0.98, 1.08) + radius)
            _limb(scene, (x, rng.uniform(-10, 40), high + 50), (x * rng.uniform(0.92, 1.05), rng.uniform(-40, 40), low - 50), radius, rng.uniform(9, 14))
    crotch = plan.liver_low_z - 250
    if low < crotch:
        for sign in (-1, 1):
            _limb(scene, (sign * 0.62 * plan.cavity_x, 0.15 * plan.cavity_y, crotch - 20), (sign * 0.5 * plan.cavity_x, 0.1 * plan.cavity_y, crotch - 300), 0.62 * plan.cavity_x, 16)


def _limb(scene: Scene, start, end, radius: float, bone_radius: float) -> None:
    t = scene.plan.tissues
    distance = capsule(scene.trunk, start, end, radius, radius)
    distance = np.where(scene.skin < 0, np.float32(9), distance)
    scene.paint(distance, t.fat, BACKGROUND)
    scene.paint(distance + 0.25 * radius, t.muscle + 10 * scene.mottle, BACKGROUND)
    bone = capsule(scene.trunk, start, end, bone_radius, bone_radius)
    bone = np.where(scene.skin < 0, np.float32(9), bone)
    scene.paint(bone, 900, BACKGROUND)
    scene.paint(bone + 0.4 * bone_radius, 60, BACKGROUND)
