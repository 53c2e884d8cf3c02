"""Spine, ribs, breastbone and pelvis."""
from __future__ import annotations

import numpy as np

from ..fields import ellipsoid, rotation
from ..scene import BACKGROUND, Scene
from .organs import blob


def draw(scene: Scene) -> None:
    rng = scene.plan.rng('bone')
    bone = rng.uniform(120, 260)
    _draw_pelvis(scene)
    _draw_spine(scene, bone)
    _draw_ribs(scene, bone)


def _draw_spine(scene: Scene, bone: float) -> None:
    plan, t, (x, y, _), z = scene.plan, scene.plan.tissues, scene.trunk, scene.p[2]
    u = plan.rng('spine').uniform
    half_x, half_y = plan.vertebra
    in_segment = np.mod(z + u(0, 30), u(28, 36))
    disc = in_segment < u(5, 8)
    body = (np.sqrt((x / half_x) ** 2 + ((y - plan.spine_y) / half_y) ** 2) - 1) * half_y
    scene.paint(body, np.where(disc, u(70, 110), bone + 60 * scene.grain), BACKGROUND)
    scene.paint(np.where(disc, 50, np.maximum(body, -(body + 2.5))), bone + u(200, 450), BACKGROUND)
    back = y - plan.spine_y - half_y
    canal = (np.sqrt((x / u(9, 11)) ** 2 + ((back - 9) / 8.5) ** 2) - 1) * 8
    scene.paint(np.maximum(canal - 5, -body), np.where(in_segment > 14, bone + u(150, 350), t.muscle), BACKGROUND)
    scene.paint(canal, u(15, 35), BACKGROUND)
    spinous = np.maximum(np.abs(x) - 4, np.abs(back - u(24, 30)) - 13)
    scene.paint(np.maximum(spinous, np.where(in_segment > 12, -1, 4)), bone + 150, BACKGROUND)
    transverse = np.maximum(np.abs(back + half_y - 6) - 4, np.abs(x) - u(30, 38))
    scene.paint(np.maximum(transverse, np.where((in_segment > 14) & (in_segment < 24), -1, 5)), bone + 100, BACKGROUND)


def _draw_ribs(scene: Scene, bone: float) -> None:
    plan, (x, y, _), z = scene.plan, scene.trunk, scene.p[2]
    u = plan.rng('ribs').uniform
    angle = np.arctan2(x, y + 1e-3)
    along = np.mod(z + u(50, 90) * (1 - np.cos(angle)) / 2 + u(0, 30), u(25, 33))
    mid = (scene.cavity + scene.wall) / 2
    rib = np.maximum(np.abs(mid) - u(2.4, 4.8), np.abs(along - 12) - u(4, 7))
    rib = np.maximum(rib, plan.liver_low_z - u(0, 35) + 140 * np.clip(np.abs(angle) / 3.14 - 0.55, 0, 1) - z)
    rib = np.where(np.abs(angle) > u(2.5, 2.8), np.where(np.abs(x) < u(14, 22), 99, rib + 2), rib)
    cartilage = (scene.wide_y < -0.5 * plan.cavity_y) & (z < plan.dome_right_z + 40)
    scene.paint(rib, np.where(cartilage, u(60, 150), bone + u(0, 100)), BACKGROUND)
    scene.paint(np.maximum(rib, -(rib + 1.6)), np.where(cartilage, u(80, 180), bone + u(250, 550)), BACKGROUND)
    sternum = np.maximum(np.maximum(np.abs(mid) - 5, np.abs(x) - u(14, 22)), np.maximum(y, plan.liver_low_z + 50 - z))
    scene.paint(sternum, bone, BACKGROUND)


def _draw_pelvis(scene: Scene) -> None:
    plan, t = scene.plan, scene.plan.tissues
    rng = plan.rng('pelvis')
    u = rng.uniform
    level = plan.liver_low_z - u(140, 175)
    if float(scene.position[2].min()) > level + 60:
        return
    for side in (-1, 1):
        blob(scene, (side * u(70, 85), plan.spine_y - u(0, 25), level + 20), (u(38, 50), u(22, 32), 85), t.muscle, BACKGROUND, rotation(0, 0, -side * 0.7), scene.wall)
        box = scene.box((side * 75, plan.spine_y - 20, level), (80, 80, 95))
        if box is not None:
            x, y, z = p = scene.at(box)
            wing = np.abs(ellipsoid(p, (0, -30, level - 20), (118, plan.spine_y + 45, 150))) - u(3, 6)
            wing = np.maximum(np.maximum(wing, np.abs(z - level - 5) - 60), np.maximum(20 - np.abs(x), -(y + 0.25 * plan.cavity_y)))
            scene.paint(wing, u(150, 260), BACKGROUND, box)
            scene.paint(np.maximum(wing, -(wing + 2)), u(400, 800), BACKGROUND, box)
        blob(scene, (side * 88, 0, level - 75), (25, 25, 25), u(250, 400), BACKGROUND)
        blob(scene, (side * 85, plan.spine_y - 10, level - 30), (50, 40, 60), t.muscle - 8, BACKGROUND, within=scene.skin + 6)
    bladder_hu = u(-5, 15) if rng.random() < 0.8 else u(100, 300)
    blob(scene, (0, u(-0.2, 0.1) * plan.cavity_y, level - u(40, 70)), u(20, 55, 3), bladder_hu, BACKGROUND, within=scene.cavity)
    blob(scene, (0, plan.spine_y + 5, level + 10), (45, 14, 55), u(150, 250), BACKGROUND)
