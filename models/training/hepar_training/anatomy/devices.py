"""What surgeons and interventionists leave behind: clips, stents, catheters. Metal throws streaks (acquisition.py)."""
from __future__ import annotations

import numpy as np

from ..fields import capsule
from ..scene import BACKGROUND, Scene
from .liver import hilum_mm

METAL_HU = 3000.0


def draw(scene: Scene, liver_surface: np.ndarray) -> None:
    plan = scene.plan
    rng = plan.rng('devices')
    u = rng.uniform
    if plan.plain:
        return
    if plan.resected or rng.random() < 0.1:  # clips along a resection, or where the gallbladder was
        centre = hilum_mm(scene) + (u(-25, 15), u(-20, 20), u(-10, 40))
        for _ in range(int(rng.integers(2, 7))):
            _rod(scene, centre + rng.normal(0, 9, 3), rng.normal(0, 3, 3), u(0.6, 1.0), METAL_HU)
    if rng.random() < 0.05:  # biliary stent: metal mesh or plastic
        hu, start = (METAL_HU * 0.4 if rng.random() < 0.4 else u(150, 400)), hilum_mm(scene) + (-4, -4, 4)
        _tube(scene, start, start + (u(5, 15), u(8, 20), -u(35, 60)), u(3, 5), hu, u(-5, 25))
    if rng.random() < 0.05:  # drain through the wall into the liver, or a feeding tube
        tip = hilum_mm(scene) + (-u(15, 60), u(-30, 30), u(0, 50))
        _tube(scene, tip, tip + (-u(60, 140), -u(-20, 50), -u(-10, 30)), u(1.8, 3), u(200, 600), u(-100, 20))
    if rng.random() < 0.1:  # gastric tube
        _tube(scene, (8, plan.spine_y - 40, plan.dome_right_z + 80), (0.4 * plan.cavity_x, -0.1 * plan.cavity_y, plan.dome_left_z - 60), u(2, 3), u(150, 500), -400)


def _rod(scene: Scene, start, course, radius: float, hu: float) -> None:
    end = np.asarray(start) + course
    box = scene.box((np.asarray(start) + end) / 2, np.abs(course) / 2 + radius + 1)
    if box is None:
        return
    distance = capsule(scene.at(box), start, end, radius, radius)
    scene.paint(distance, hu, BACKGROUND, box)
    if hu >= METAL_HU and (distance < scene.voxel_mm).any():
        scene.metal[box] |= distance < max(0.5, 0.5 * scene.voxel_mm)


def _tube(scene: Scene, start, end, radius: float, wall_hu: float, inside_hu: float) -> None:
    start, end = np.asarray(start, float), np.asarray(end, float)
    _rod(scene, start, end - start, radius, wall_hu)
    _rod(scene, start, end - start, 0.55 * radius, inside_hu)
