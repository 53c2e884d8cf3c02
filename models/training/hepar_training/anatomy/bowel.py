"""Small bowel as packed loops that touch each other, and the colon as a haustrated tube."""
from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ..fields import capsule
from ..scene import Scene

_CONTENTS = np.array(['fluid', 'gas', 'contrast', 'soft', 'stool'])


def draw_small_bowel(scene: Scene) -> None:
    """A Voronoi packing of short segments; the gap between them and the missing ones are the mesenteric fat."""
    plan = scene.plan
    rng = plan.rng('small bowel')
    u, t, lean = rng.uniform, plan.tissues, plan.leanness > 0.5
    if plan.plain and rng.random() < 0.5:
        return
    x, y = scene.trunk[0], scene.trunk[1]
    retroperitoneum = y - (plan.spine_y - plan.vertebra[1] - u(12, 25) + 0.35 * np.clip(np.abs(x) - 40, 0, 30))
    outside = np.maximum(scene.abdomen + 3, np.maximum(np.abs(x) - plan.cavity_x, retroperitoneum))
    loop_mm, gap = u(20, 40), (u(0, 1.5) if lean else u(0.5, 5))
    missing = u(0, 0.25) if lean else u(0.2, 0.75)
    main = rng.choice(['fluid', 'gas', 'contrast', 'soft', 'mixed'], p=[0.2, 0.07, 0.13, 0.2, 0.4])
    # The loops fill a fixed box of the body, so that they are the same on every grid.
    low = np.array([-plan.cavity_x, -plan.cavity_y, plan.liver_low_z - 230])
    high = np.array([plan.cavity_x, plan.spine_y, plan.dome_right_z])
    count = int(np.clip(np.prod(high - low) / (1.15 * loop_mm**3), 4, 1400))
    middle = low + (high - low) * rng.random((count, 3))
    along = rng.standard_normal((count, 3))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    radius = u(0.42, 0.8) * loop_mm * u(0.7, 1.15, count) * np.where(rng.random(count) < missing, -1, 1)
    kinds = rng.choice(_CONTENTS, count, p=[0.35, 0.12, 0.13, 0.3, 0.1]) if main == 'mixed' else np.where(rng.random(count) < 0.75, main, 'soft')
    hu_inside = np.select(
        [kinds == 'fluid', kinds == 'gas', kinds == 'contrast', kinds == 'soft'],
        [u(-5, 25) + u(-8, 12, count), np.full(count, -900.0), u(90, 350) + u(-40, 40, count), t.soft + u(-15, 15, count)],
        u(-80, 40) + u(-20, 20, count),
    )
    levelled = (rng.random(count) < 0.25) & ((kinds == 'fluid') | (kinds == 'contrast'))
    wall_hu, wall_mm = t.soft + u(-10, 15), u(1.5, 3.5)

    where = np.flatnonzero(outside.ravel() < 1.5)
    if len(where) < 200:
        return
    points = np.stack([c.ravel()[where] for c in scene.p], 1)
    nodes = (middle[:, None] + along[:, None] * np.array([-0.55, 0, 0.55])[None, :, None] * loop_mm).reshape(-1, 3)
    near, index = cKDTree(nodes).query(points, k=4)
    owner = index // 3
    other = owner != owner[:, :1]
    second = np.where(other.any(1), other.argmax(1), 3)
    second_distance = near[np.arange(len(near)), second] + np.where(other.any(1), 0, 4)
    first = owner[:, 0]
    distance = np.maximum(np.maximum((near[:, 0] - second_distance) / 2 + gap, near[:, 0] - radius[first]), outside.ravel()[where])
    hu = scene.hu.ravel()
    _blend(hu, where, distance, wall_hu, scene.voxel_mm)
    content = hu_inside[first] + np.where((kinds == 'stool')[first], 60, 3) * scene.grain.ravel()[where]
    content = np.where(levelled[first] & (points[:, 1] < middle[first, 1] - 0.1 * loop_mm), -900, content)
    _blend(hu, where, distance + wall_mm, content, scene.voxel_mm)


def _blend(hu: np.ndarray, where: np.ndarray, distance: np.ndarray, value, voxel_mm: float) -> None:
    share = np.clip(0.5 - distance / voxel_mm, 0, 1)
    hu[where] += (share * (value - hu[where])).astype(np.float32)


def draw_colon(scene: Scene) -> None:
    if scene.plan.plain and scene.plan.rng('no colon').random() < 0.5:
        return
    _tube(scene, 'colon', 0, 10)


def draw_hepatic_flexure(scene: Scene) -> None:
    """In a third of the bodies the flexure presses into the under-surface of the liver."""
    rng = scene.plan.rng('flexure')
    if not scene.plan.plain and rng.random() < 0.35:
        _tube(scene, 'flexure', 2, 5, below_liver_mm=rng.uniform(-5, 10), label=0)


def _tube(scene: Scene, part: str, first: int, last: int, below_liver_mm: float | None = None, label: int | None = None) -> None:
    plan = scene.plan
    rng = plan.rng(part)
    u, (cx, cy), low = rng.uniform, (plan.cavity_x, plan.cavity_y), plan.liver_low_z
    radius = u(11, 30)
    knots = np.array([
        (-0.74 * cx, 0.05 * cy, low - u(110, 150)), (-0.72 * cx, u(-0.1, 0.25) * cy, low - 60),
        (-u(0.4, 0.7) * cx, u(-0.5, 0.1) * cy, low + u(-45, 5)), (-0.2 * cx, -u(0.55, 0.85) * cy, low - u(10, 70)),
        (0.25 * cx, -u(0.55, 0.85) * cy, low - u(0, 70)), (0.7 * cx, -u(0, 0.4) * cy, plan.dome_left_z - u(60, 100)),
        (0.78 * cx, u(0.1, 0.35) * cy, low - 50), (0.72 * cx, u(0, 0.3) * cy, low - 130),
        (0.3 * cx, u(-0.2, 0.3) * cy, low - 185), (u(-20, 20), 0.45 * cy, low - 230),
    ])[first:last]  # fmt: skip
    if below_liver_mm is not None:
        knots[:, 2] = low + plan.liver_slope[0] * (knots[:, 0] + 20) + plan.liver_slope[1] * knots[:, 1] + below_liver_mm - radius
    steps = np.linspace(0, len(knots) - 1, 4 * (len(knots) - 1) + 1)
    path = np.stack([np.interp(steps, np.arange(len(knots)), knots[:, i]) for i in range(3)], 1) + rng.normal(0, 5, (len(steps), 3))
    radii = radius * (1 + 0.28 * np.sin(np.arange(len(path)) * 2.1)) * u(0.8, 1.15, len(path))
    contents = np.repeat(rng.choice(['gas', 'stool', 'level', 'soft'], len(knots), p=[0.3, 0.4, 0.2, 0.1]), 4)
    stool_hu, fluid_hu, coarse = u(-120, 45), u(0, 40), u(20, 160)
    for inside in (False, True):
        for i in range(len(path) - 1):
            shrink = 2.5 if inside else 0.0
            box = scene.box((path[i] + path[i + 1]) / 2, np.abs(path[i + 1] - path[i]) / 2 + max(radii[i], radii[i + 1]))
            if box is None or (inside and contents[i] == 'soft'):
                continue
            distance = np.maximum(capsule(scene.at(box), path[i], path[i + 1], radii[i] - shrink, radii[i + 1] - shrink), scene.abdomen[box] + shrink)
            if not inside:
                scene.paint(distance, plan.tissues.soft, label, box)
                continue
            hu = {'gas': -900.0, 'stool': stool_hu + coarse * scene.grain[box], 'level': fluid_hu}[str(contents[i])]
            scene.paint(distance, hu, label, box)
            if contents[i] == 'level':
                scene.paint(np.maximum(distance, scene.p[1][box] - path[i, 1] + 0.15 * radii[i]), -900.0, label, box)
