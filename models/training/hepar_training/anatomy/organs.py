"""The liver's neighbours: stomach, pancreas, spleen, gallbladder, kidneys."""
from __future__ import annotations

import numpy as np

from ..fields import capsule, ellipsoid, random_rotation, rotation, smooth_max
from ..plan import BodyPlan
from ..scene import BACKGROUND, GALLBLADDER, KIDNEY, SPLEEN, Scene


def blob(scene: Scene, centre, radii, hu, label=None, turn=None, within=None, soft_mm=0.0, grain=0.0) -> None:
    """Paints an ellipsoid, cut by the whole-grid field `within`."""
    box = scene.box(centre, max(radii))
    if box is None:
        return
    distance = ellipsoid(scene.at(box), centre, radii, turn)
    if within is not None:
        distance = np.maximum(distance, within[box])
    scene.paint(distance, hu + grain * scene.grain[box] if grain else hu, label, box, soft_mm)


def draw_stomach(scene: Scene) -> None:
    plan, t = scene.plan, scene.plan.tissues
    rng = plan.rng('stomach')
    u, cx, cy, top = rng.uniform, plan.cavity_x, plan.cavity_y, plan.dome_left_z
    content = rng.choice(['fluid', 'food', 'contrast', 'collapsed'], p=[0.3, 0.35, 0.12, 0.23])
    size = u(0.35, 0.75) if content == 'collapsed' else u(0.7, 1.45)
    parts = [
        ((u(0.35, 0.5) * cx, u(-0.15, 0.2) * cy, top - u(30, 75)), (u(38, 50) * size, u(40, 55) * size, u(38, 55) * size)),
        ((u(0.1, 0.3) * cx, -u(0.3, 0.6) * cy, top - u(85, 120)), (u(40, 58) * size, u(22, 34) * size, u(22, 36) * size)),
    ]
    hu = {'fluid': u(0, 30), 'food': u(-10, 70), 'contrast': u(120, 350), 'collapsed': t.soft}[str(content)]
    wall_hu = t.soft
    if rng.random() < 0.12:  # hardly to be told from the left lobe by its HU
        hu, wall_hu = t.liver - u(6, 35), t.liver + u(0, 30)
    level_y, levelled = u(-0.6, 0.0) * cy, rng.random() < 0.7
    for centre, radii in parts:
        blob(scene, centre, radii, wall_hu, within=scene.abdomen)
    for centre, radii in parts:
        box = scene.box(centre, max(radii))
        if box is None:
            continue
        distance = np.maximum(ellipsoid(scene.at(box), centre, [r - 4 for r in radii]), scene.abdomen[box] + 4)
        scene.paint(distance, hu + (30 * scene.grain[box] if content == 'food' else 0), None, box)
        if content != 'collapsed' and levelled:
            scene.paint(np.maximum(distance, scene.position[1][box] - level_y), -950, None, box)


def draw_strays(scene: Scene) -> None:
    """Now and then masses of soft tissue on the left, a few of the liver's own HU: nothing is liver by its HU alone. Were
    there many, tumours of the liver would be taken for them."""
    plan, t = scene.plan, scene.plan.tissues
    rng = plan.rng('strays')
    u = rng.uniform
    for _ in range(int(u(0, 3))):
        centre = (u(-0.2, 0.9) * plan.cavity_x, u(-0.8, 0.5) * plan.cavity_y, plan.dome_left_z - u(30, 150))
        hu = float(rng.choice([t.soft, t.liver + u(-25, 25), t.muscle, u(0, 30)], p=[0.35, 0.1, 0.25, 0.3]))
        blob(scene, centre, (u(8, 30), u(8, 24), u(8, 30)), hu, turn=random_rotation(rng), within=scene.abdomen, grain=5)


def draw_pancreas(scene: Scene) -> None:
    plan = scene.plan
    u = plan.rng('pancreas').uniform
    hu = plan.tissues.soft + u(0, 30)
    for s in np.linspace(0, 1, 7):
        centre = (-25 + 95 * s, plan.spine_y - plan.vertebra[1] - 32 + 18 * (s - 0.5) - 8 * np.sin(3 * s), plan.liver_low_z - 5 + 28 * s)
        blob(scene, centre, (15, u(8, 13), u(10, 14)), hu, grain=10)


def draw_spleen(scene: Scene) -> None:
    plan, t = scene.plan, scene.plan.tissues
    rng = plan.rng('spleen')
    u = rng.uniform
    size = u(0.7, 1.4) * (1.25 if plan.cirrhosis else 1)
    centre = (0.74 * plan.cavity_x, u(0.15, 0.42) * plan.cavity_y, plan.dome_left_z - u(55, 90))
    radii = (u(28, 40) * size, u(40, 55) * size, u(42, 62) * size)
    box = scene.box(centre, max(radii))
    if box is None:
        return
    hilum = (centre[0] - radii[0] * 1.25, centre[1] - 18, centre[2] - 6)
    distance = smooth_max(5, ellipsoid(scene.at(box), centre, radii), scene.abdomen[box])
    if not plan.plain:
        distance = smooth_max(5, distance, -ellipsoid(scene.at(box), hilum, radii))
    moire = 0.18 * (t.spleen - 50) if t.phase == 'arterial' and t.spleen > 80 else 3.0  # the arterial spleen is striped
    scene.paint(distance, t.spleen + moire * scene.mottle[box], SPLEEN, box)
    if rng.random() < 0.1:
        blob(scene, (centre[0], centre[1], centre[2] + u(-20, 20)), [u(4, 14)] * 3, u(0, 60), SPLEEN)


def gallbladder_mm(plan: BodyPlan) -> tuple[np.ndarray, np.ndarray]:
    """Neck and fundus: it lies along the under-surface, from below the hilum forwards, downwards and to the right."""
    u = plan.rng('gallbladder course').uniform
    ends = np.array([(-u(15, 32), u(0, 0.15) * plan.cavity_y, u(-3, 12)), (-u(30, 72), -u(0.3, 0.75) * plan.cavity_y, -u(0, 20))])
    ends[:, 2] += plan.under_surface_z(ends[:, 0], ends[:, 1])
    return ends[0], ends[1]


def draw_gallbladder(scene: Scene) -> None:
    """A pear of 7 to 10 cm by 3 to 4 (Gray's Anatomy), smaller after a meal, one side in its bed in the liver and the
    other free; now and then wholly within the liver."""
    plan, t = scene.plan, scene.plan.tissues
    rng = plan.rng('gallbladder')
    u = rng.uniform
    if rng.random() > 0.82:
        return
    neck, fundus = gallbladder_mm(plan)
    wall_mm, bile = (u(2.5, 5) if rng.random() < 0.12 else u(0.8, 2.2)), t.bile
    size = 0.55 if rng.random() < 0.15 else 1.0
    at_neck, at_fundus = size * u(4, 8), size * u(10, 18)
    sunk = 1.1 if rng.random() < 0.06 else -u(-0.1, 0.6)  # of its radius, into the liver
    ends = neck + (0, 0, sunk * at_neck), fundus + (0, 0, sunk * at_fundus)
    box = scene.box((ends[0] + ends[1]) / 2, np.abs(ends[1] - ends[0]) / 2 + at_fundus + wall_mm)
    if box is None:
        return
    p = scene.at(box)
    distance = np.maximum(capsule(p, *ends, at_neck, at_fundus), scene.abdomen[box] + np.float32(wall_mm))
    scene.paint(distance - np.float32(wall_mm), t.soft if wall_mm < 2.5 else u(15, 60), GALLBLADDER, box)
    scene.paint(distance, bile, GALLBLADDER, box)
    bottom = ends[1] + (0, 0.5 * at_fundus, 0)
    if rng.random() < 0.12:  # sludge settles at the back
        scene.paint(np.maximum(distance, np.float32(bottom[1]) - p[1]), bile + u(15, 60), GALLBLADDER, box)
    if rng.random() < 0.12:  # stone
        scene.paint(np.maximum(distance, ellipsoid(p, bottom, [u(3, 8)] * 3)), u(100, 600), GALLBLADDER, box)


def draw_kidneys(scene: Scene) -> None:
    plan, t = scene.plan, scene.plan.tissues
    rng = plan.rng('kidneys')
    u = rng.uniform
    for side in (-1, 1):
        centre = (side * u(48, 70), plan.spine_y - u(0, 20), plan.liver_low_z + u(-50, 12) - (10 if side < 0 else -8))
        radii = np.array((u(22, 29), u(22, 28), u(44, 62)))
        turn = rotation(u(-0.2, 0.2), side * u(0.05, 0.3), side * u(0.2, 0.7))
        rim = u(0, 1.5) if rng.random() < 0.25 + 0.5 * plan.leanness else u(2, 12)  # it often touches the liver
        if rim > 1:
            blob(scene, centre, radii + rim, t.fat, BACKGROUND, turn, scene.cavity + 2)
        blob(scene, centre, radii, t.kidney, KIDNEY, turn)
        if not plan.plain or rng.random() < 0.4:
            blob(scene, centre, radii - 8, t.kidney + t.medulla, None, turn, grain=0.3 * abs(t.medulla))
            blob(scene, (centre[0] - side * 14, centre[1] - 6, centre[2]), (14, 9, 20), t.fat + 40, BACKGROUND)
        if rng.random() < 0.2:  # cyst
            where = (centre[0] + side * u(5, 25), centre[1] + u(-20, 20), centre[2] + u(-40, 40))
            blob(scene, where, [u(5, 24)] * 3, u(-3, 15), BACKGROUND)
