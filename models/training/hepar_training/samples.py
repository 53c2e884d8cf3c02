"""Training and test volumes, one for each seed."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import anatomy
from .acquisition import acquire
from .anatomy import liver
from .grid import Grid
from .plan import BodyPlan, sample_plan
from .scene import LESION, Scene

LOCATE_SPACING_MM = 3.0
LOCATE_SHAPE_ZYX = (80, 104, 128)
SEGMENT_SPACING_MM = 1.5
SEGMENT_SHAPE_ZYX = (80, 96, 96)


@dataclass
class Sample:
    hu: np.ndarray  # float32 [z, y, x]
    labels: np.ndarray  # uint8: 0 background, 1 liver, 2 lesion, 3 spleen, 4 kidney, 5 gallbladder
    grid: Grid
    plan: BodyPlan
    lesions: list  # anatomy.lesions.Lesion
    lesion_numbers: np.ndarray  # uint8 [z, y, x]: `number` of the lesion, where `labels` is 2


def render(plan: BodyPlan, grid: Grid, lesion_count: int | None = None) -> Sample:
    scene = Scene(plan, grid)
    lesions = anatomy.draw(plan, scene, lesion_count)
    hu = acquire(scene)
    scene.lesion_numbers[scene.labels != LESION] = 0
    return Sample(hu, scene.labels, grid, plan, lesions, scene.lesion_numbers)


def _shape(usual: tuple[int, int, int], edge: int | None) -> tuple[int, int, int]:
    return (edge,) * 3 if edge else usual


def view_middle_z(plan: BodyPlan, kind: str, u) -> float:
    """Height of the middle of a scan's field of view, in mm."""
    if kind == 'abdomen':
        return plan.dome_right_z - 95 + u(-95, 95)
    if kind == 'chest':
        return plan.dome_right_z + u(35, 130)
    if kind == 'neck':
        return plan.dome_right_z + u(150, 260)
    return plan.liver_low_z - u(100, 260)


VIEWS = ('abdomen', 'chest', 'neck', 'pelvis')


def locate_sample(seed: int, shape_voxels: int | None = None) -> Sample:
    """A scan, or a part of one from neck to pelvis, on about 3 mm with a random field of view; one in three shows little
    liver or none. `shape_voxels` makes small cubes."""
    plan = sample_plan(seed)
    rng = plan.rng('view')
    u = rng.uniform
    middle = view_middle_z(plan, str(rng.choice(VIEWS, p=[0.68, 0.13, 0.05, 0.14])), u)
    spacing = LOCATE_SPACING_MM * u(0.94, 1.06) * u(0.97, 1.03, 3)
    return render(plan, Grid.centred((u(-60, 60), u(-40, 45), middle), spacing, _shape(LOCATE_SHAPE_ZYX, shape_voxels)))


def segment_sample(seed: int, shape_voxels: int | None = None) -> Sample:
    """A block on 1.5 mm somewhere in the liver's box widened by 15 mm, most often near the liver itself."""
    plan = sample_plan(seed)
    rng = plan.rng('block')
    u = rng.uniform
    count = None if rng.random() < 0.3 else int(rng.integers(2, 14))
    probe, surface = liver.probe(plan)
    inside = surface < 0
    points = np.stack([c[inside] for c in probe.position], 1) if inside.any() else np.array([liver.probe_middle_mm(plan)])
    if rng.random() < 0.6:
        centre = points[rng.integers(len(points))] + u(-25, 25, 3)
    else:
        centre = u(points.min(0) - 15, points.max(0) + 15)
    return render(plan, Grid.centred(centre, (SEGMENT_SPACING_MM,) * 3, _shape(SEGMENT_SHAPE_ZYX, shape_voxels)), count)
