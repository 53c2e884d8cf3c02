"""Focal liver lesions: how many, of which type, where, how large, and their shape. What they look like: lesion_looks.py."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..fields import LatticeNoise, ellipsoid, random_rotation
from ..plan import BodyPlan
from ..scene import LESION, LIVER, Scene
from . import lesion_looks, liver

# Smallest and largest radius in mm, drawn log-uniformly; one lesion of a scan may be larger than its fellows.
RADII_MM = {
    'cyst': (2.5, 24), 'haemangioma': (4, 28), 'metastasis': (3, 22), 'hcc': (6, 40), 'abscess': (7, 30),
    'treated': (6, 28), 'tiny': (1.6, 5), 'confluent': (7, 18), 'infiltrating': (20, 45),
}  # fmt: skip
TYPES = tuple(RADII_MM)
# Tumours of 4 to 10 cm: a reader sees them at once, and they are what is treated.
BULKY_SHARE, BULKY_RADII_MM = 0.3, (20.0, 48.0)
_SHARE = (0.12, 0.1, 0.28, 0.25, 0.05, 0.06, 0.07, 0.04, 0.03)
_COUNTS, _COUNT_SHARE = (0, 1, 2, 3, 5, 8, 14), (0.24, 0.2, 0.17, 0.14, 0.12, 0.08, 0.05)
_FEW = ('hcc', 'abscess', 'confluent', 'infiltrating')  # seldom more than three of them


@dataclass
class Lesion:
    number: int  # from 1, the value of its voxels in Scene.lesion_numbers
    kind: str  # one of TYPES
    centre_mm: np.ndarray  # organ coordinates
    radii_mm: np.ndarray
    exophytic: bool


@dataclass
class _Sites:
    """Points in the liver on a coarse grid of their own: the same whatever grid is drawn. In organ coordinates, mm."""

    points: np.ndarray  # [point, 3]
    outward: np.ndarray  # [point, 3]: unit vectors to the liver's surface
    depth: np.ndarray  # [point]: how far below that surface
    room: np.ndarray  # [point]: how far from wall, diaphragm and spine


def _sites(plan: BodyPlan) -> _Sites:
    probe, surface = liver.probe(plan)
    inside = surface < -2
    rise = np.stack([g[inside] for g in reversed(np.gradient(surface))], 1) @ plan.turn.T
    outward = rise / np.maximum(np.linalg.norm(rise, axis=1, keepdims=True), 1e-6)
    points = np.stack([c[inside] for c in probe.p], 1)
    room = np.minimum(-probe.abdomen[inside], plan.spine_y - plan.vertebra[1] - points[:, 1])
    return _Sites(points, outward, -surface[inside], room)


def _hanging_out(sites: _Sites, radius_mm: float, rng: np.random.Generator) -> np.ndarray | None:
    """The centre of a lesion that grows out of the liver towards its neighbours, about half of it; None where there is
    no room for one."""
    where = np.flatnonzero((sites.depth < 10) & (sites.room > 0.8 * radius_mm))
    if not len(where):
        return None
    k = where[rng.integers(len(where))]
    return sites.points[k] + sites.outward[k] * (sites.depth[k] + radius_mm * rng.uniform(-0.4, 0.6))


def plan_lesions(plan: BodyPlan, count: int | None = None) -> list[Lesion]:
    """The scan's lesions; most scans have one type, one in five mixes them. `count` None draws it, often 0."""
    rng = plan.rng('lesions')
    u = rng.uniform
    if count is None:
        count = int(rng.choice(_COUNTS, p=_COUNT_SHARE))
    mixed, main = rng.random() < 0.2, str(rng.choice(TYPES, p=_SHARE))
    sites = _sites(plan)
    bulk = plan.rng('bulk')
    lesions: list[Lesion] = []
    if not len(sites.points):
        return lesions
    for number in range(1, count + 1):
        kind = str(rng.choice(TYPES, p=_SHARE)) if mixed else main
        if number > 3 and kind in _FEW:
            kind = 'metastasis'
        smallest, largest = RADII_MM[kind]
        if number == 1 and kind != 'tiny':
            smallest, largest = smallest * 1.4, largest * 1.5
        radius = float(np.exp(u(np.log(smallest), np.log(largest))))
        if number == 1 and bulk.random() < BULKY_SHARE:
            kind, radius = ('hcc' if bulk.random() < 0.7 else 'metastasis'), float(bulk.uniform(*BULKY_RADII_MM))
        centre = sites.points[rng.integers(len(sites.points))] + u(-4, 4, 3)
        stretch = u(0.93, 1.07, 3) if plan.plain else u(0.72, 1.3, 3)
        exophytic = bool(rng.random() < 0.2 and radius > 6)
        edge = plan.rng(f'exophytic {number}')
        if radius > 6 and edge.random() < 0.25 and (hanging := _hanging_out(sites, radius, edge)) is not None:
            centre, exophytic = hanging, True
        lesions.append(Lesion(number, kind, centre, radius * stretch, exophytic))
    return lesions


def _reach_mm(lesion: Lesion) -> float:
    return (2.6 if lesion.kind == 'confluent' else 1.4) * float(lesion.radii_mm.max())


def _solid(scene: Scene, lesion: Lesion, box) -> np.ndarray:
    """Signed distance to the lesion's rough surface; confluent ones are several that have grown together."""
    rng = scene.plan.rng(f'lesion {lesion.number}')
    radius = float(lesion.radii_mm.mean())
    turn = random_rotation(rng)
    roughness = rng.uniform(0, 0.04) if scene.plan.plain else rng.uniform(0.03, 0.25)
    roughness *= {'cyst': 0.3, 'tiny': 0.5, 'infiltrating': 2.2}.get(lesion.kind, 1)
    rough = LatticeNoise(rng, max(0.8 * radius, 3.0), reach_mm=max(60.0, 3 * radius))
    p = scene.at(box)
    aside = [p[i] - np.float32(lesion.centre_mm[i]) for i in range(3)]
    distance = ellipsoid(p, lesion.centre_mm, lesion.radii_mm, turn)
    if lesion.kind == 'confluent':
        for _ in range(int(rng.integers(2, 6))):
            away = rng.standard_normal(3)
            centre = lesion.centre_mm + away / np.linalg.norm(away) * radius * rng.uniform(0.7, 1.4)
            distance = np.minimum(distance, ellipsoid(p, centre, lesion.radii_mm * rng.uniform(0.5, 1, 3), turn))
    return distance + np.float32(roughness * radius) * rough(*aside)[0]


def bulges(scene: Scene, lesions: list[Lesion]) -> np.ndarray | None:
    """Signed distance to the lesions that push the liver's surface outwards."""
    result = None
    for lesion in lesions:
        box = scene.box(lesion.centre_mm, _reach_mm(lesion) + 8) if lesion.exophytic else None
        if box is not None:
            result = np.full(scene.hu.shape, 99, np.float32) if result is None else result
            result[box] = np.minimum(result[box], _solid(scene, lesion, box) - 1)
    return result


def draw(scene: Scene, lesions: list[Lesion], liver_surface: np.ndarray) -> None:
    for lesion in lesions:
        box = scene.box(lesion.centre_mm, _reach_mm(lesion))
        if box is None:
            continue
        distance = np.maximum(_solid(scene, lesion, box), liver_surface[box] + 0.5)
        lesion_looks.paint(scene, lesion.number, lesion.kind, float(lesion.radii_mm.mean()), distance, box)
        labels = scene.labels[box]
        inside = (distance < 0) & ((labels == LIVER) | (labels == LESION))
        labels[inside] = LESION
        scene.lesion_numbers[box][inside] = lesion.number
