"""Aorta, caval vein, mesenteric artery, crura; and branching trees for the liver."""
from __future__ import annotations

import numpy as np

from ..fields import capsule
from ..plan import BodyPlan
from ..scene import BACKGROUND, Scene
from .organs import blob


def cava_mm(plan: BodyPlan) -> np.ndarray:
    """Where the hepatic veins join the caval vein."""
    return np.array([-20.0, plan.spine_y - plan.vertebra[1] - 16, plan.dome_right_z - 25])


def tree(scene: Scene, rng: np.random.Generator, start, course, radius: float, length: float, hu: float, depth: int, within: np.ndarray | None) -> None:
    """A vessel that splits in two `depth` times; the random numbers do not depend on the grid."""
    course = np.asarray(course, float) + rng.normal(0, 0.15, 3)
    _branch(scene, rng, np.asarray(start, float), course / np.linalg.norm(course), radius, length, hu, 4 if depth else 0, depth, within)


def _branch(scene, rng, start, course, radius, length, hu, levels, drawn, within) -> None:
    end = start + course * length
    box = scene.box((start + end) / 2, np.abs(end - start) / 2 + radius) if drawn >= 0 else None
    if box is not None:
        distance = capsule(scene.at(box), start, end, radius, 0.8 * radius)
        scene.paint(distance if within is None else np.maximum(distance, within[box]), hu, None, box)
    if levels and radius > 0.9:
        for _ in range(2):
            turned = course + rng.normal(0, 0.55, 3)
            _branch(scene, rng, end, turned / np.linalg.norm(turned), radius * rng.uniform(0.6, 0.85), length * rng.uniform(0.65, 0.95), hu, levels - 1, drawn - 1, within)


def draw(scene: Scene) -> None:
    plan, t, (x, y, _) = scene.plan, scene.plan.tissues, scene.trunk
    rng = plan.rng('great vessels')
    u = rng.uniform
    front = plan.spine_y - plan.vertebra[1] - 10
    aorta = aorta_surface(scene)
    scene.paint(aorta, t.aorta, BACKGROUND)
    if rng.random() < 0.3:  # calcified wall
        scene.paint(np.maximum(np.abs(aorta) - 1.2, 1.0 - scene.mottle), u(300, 800), BACKGROUND)
    cava = np.sqrt(((x + u(16, 26)) / u(0.9, 1.4)) ** 2 + (y - front - u(-6, 4)) ** 2) - u(7, 11)
    scene.paint(np.maximum(cava, scene.p[2] - plan.dome_right_z), t.cava, BACKGROUND)
    mesenteric = np.sqrt((x - u(-2, 8)) ** 2 + (y - front + 10) ** 2) - 2.5
    scene.paint(np.maximum(mesenteric, scene.p[2] - plan.liver_low_z - 30), t.aorta, BACKGROUND)
    for side in (-1, 1):  # crura of the diaphragm
        blob(scene, (side * u(9, 16), plan.spine_y - plan.vertebra[1] - u(2, 10), plan.liver_low_z + u(0, 40)), (u(4, 9), u(6, 14), u(50, 80)), t.muscle, BACKGROUND)


def aorta_surface(scene: Scene) -> np.ndarray:
    plan, (x, y, _) = scene.plan, scene.trunk
    u = plan.rng('aorta').uniform
    return np.sqrt((x - u(8, 20)) ** 2 + (y - (plan.spine_y - plan.vertebra[1] - 10)) ** 2) - u(8, 13)
