"""Focal liver lesions: hypodense, rim-enhancing, hyperdense, cystic and mosaic ones, some growing over the liver's edge."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..fields import LatticeNoise, ellipsoid, random_rotation
from ..grid import Grid
from ..plan import BodyPlan
from ..scene import LESION, LIVER, Scene
from . import liver

_KINDS = ('hypo', 'rim', 'hyper', 'cyst', 'mosaic')  # mosaic: large, uneven, faint, as a hepatocellular carcinoma


@dataclass
class Lesion:
    number: int
    kind: str
    centre_mm: np.ndarray
    radii_mm: np.ndarray
    contrast_hu: float  # to the liver
    exophytic: bool


def _candidates_mm(plan: BodyPlan) -> np.ndarray:
    """Points in the liver, in organ coordinates, on a coarse grid of their own: the same whatever grid is drawn."""
    middle = (-0.2 * plan.cavity_x, 0, plan.dome_right_z - 90)
    probe = Scene(plan, Grid.centred(middle, (9.0, 9.0, 9.0), (28, 26, 34)))
    inside = liver.surface(probe) < -2
    return np.stack([c[inside] for c in probe.p], 1)


def plan_lesions(plan: BodyPlan, count: int | None = None) -> list[Lesion]:
    rng = plan.rng('lesions')
    u = rng.uniform
    if count is None:
        count = int(rng.choice([0, 1, 2, 3, 5, 8, 14], p=[0.2, 0.2, 0.18, 0.15, 0.14, 0.08, 0.05]))
    mix = rng.choice([*_KINDS, 'mixed'], p=[0.44, 0.12, 0.05, 0.1, 0.17, 0.12])
    candidates = _candidates_mm(plan)
    least_contrast = max(20.0, 1.2 * plan.noise_hu)
    lesions: list[Lesion] = []
    if not len(candidates):
        return lesions
    for number in range(count):
        kind = str(rng.choice(_KINDS, p=[0.45, 0.2, 0.1, 0.15, 0.1])) if mix == 'mixed' else str(mix)
        largest = (60 if u() < 0.25 else 34) if number == 0 else 20
        smallest = 14 if kind == 'mosaic' and number == 0 else 3.5
        radius = float(np.exp(u(np.log(smallest), np.log(max(largest, 50 if kind == 'mosaic' and number == 0 else 0)))))
        contrast = {'hypo': -u(15, 75), 'rim': -u(15, 75), 'hyper': u(18, 80), 'cyst': u(-5, 18) - plan.tissues.liver, 'mosaic': -u(14, 45)}[kind]
        contrast = float(np.sign(contrast) * max(abs(contrast), least_contrast * (0.7 if kind == 'mosaic' else 1)))
        centre = candidates[rng.integers(len(candidates))] + u(-4, 4, 3)
        stretch = u(0.93, 1.07, 3) if plan.plain else u(0.72, 1.3, 3)
        lesions.append(Lesion(number, kind, centre, radius * stretch, contrast, bool(rng.random() < 0.25)))
    return lesions


def _solid(scene: Scene, lesion: Lesion, box) -> np.ndarray:
    rng = scene.plan.rng(f'lesion {lesion.number}')
    radius = float(lesion.radii_mm.mean())
    turn = random_rotation(rng)
    roughness = rng.uniform(0, 0.04) if scene.plan.plain else rng.uniform(0.03, 0.25) * (0.4 if lesion.kind == 'cyst' else 1)
    rough = LatticeNoise(rng, max(0.8 * radius, 3.0), reach_mm=max(60.0, 3 * radius))
    p = scene.at(box)
    aside = [p[i] - np.float32(lesion.centre_mm[i]) for i in range(3)]
    return ellipsoid(p, lesion.centre_mm, lesion.radii_mm, turn) + np.float32(roughness * radius) * rough(*aside)[0]


def bulges(scene: Scene, lesions: list[Lesion]) -> np.ndarray | None:
    """Signed distance to the lesions that push the liver's surface outwards."""
    result = None
    for lesion in lesions:
        box = scene.box(lesion.centre_mm, 1.3 * lesion.radii_mm.max() + 8) if lesion.exophytic else None
        if box is not None:
            result = np.full(scene.hu.shape, 99, np.float32) if result is None else result
            result[box] = np.minimum(result[box], _solid(scene, lesion, box) - 1)
    return result


def draw(scene: Scene, lesions: list[Lesion], liver_surface: np.ndarray) -> None:
    for lesion in lesions:
        box = scene.box(lesion.centre_mm, 1.3 * lesion.radii_mm.max())
        if box is not None:
            _draw_one(scene, lesion, box, liver_surface)


def _draw_one(scene: Scene, lesion: Lesion, box, liver_surface: np.ndarray) -> None:
    liver_hu = scene.plan.tissues.liver
    u = scene.plan.rng(f'lesion look {lesion.number}').uniform
    radius, contrast = float(lesion.radii_mm.mean()), lesion.contrast_hu
    distance = np.maximum(_solid(scene, lesion, box), liver_surface[box] + 0.5)
    patchy = 3.0 if lesion.kind == 'mosaic' else 1.0
    uneven = patchy * abs(contrast) * (u(0, 0.22) * scene.grain[box] + u(0, 0.2) * scene.mottle[box])
    edge_mm = u(0, 0.5) if lesion.kind == 'cyst' or scene.plan.plain else u(0.3, 4)
    if lesion.kind == 'cyst':
        hu = np.full_like(distance, liver_hu + contrast)
    else:
        hu = scene.hu[box] + u(0.85, 1.0) * contrast + uneven
    scene.paint(distance, hu, None, box, soft_mm=edge_mm)
    labels = scene.labels[box]
    labels[(distance < 0) & (labels == LIVER)] = LESION
    if lesion.kind == 'rim':
        width = u(1.5, min(5.0, 0.35 * radius + 1.6))
        scene.paint(np.abs(distance + width / 2) - width / 2, liver_hu + u(5, 50), None, box)
        if u() < 0.5:  # necrosis
            scene.paint(distance + radius * u(0.35, 0.6), liver_hu + contrast - u(10, 40), None, box, soft_mm=3)
    if lesion.kind == 'mosaic':
        if u() < 0.6:  # a capsule, brighter or darker than both sides of it
            width = u(1, 3)
            scene.paint(np.abs(distance + width / 2) - width / 2, liver_hu + u(-40, 35), None, box)
        dead = np.maximum(distance + 2, u(0.6, 1.4) - scene.mottle[box] * 1.0)  # necrosis in patches
        scene.paint(dead * 4, u(5, 45), None, box, soft_mm=2)
    if lesion.kind == 'hypo' and u() < 0.25:
        scene.paint(distance + radius * u(0.4, 0.6), u(0, 30), None, box, soft_mm=3)
    if u() < 0.03:  # calcification
        scene.paint(distance + 0.7 * radius, u(150, 500), None, box)
