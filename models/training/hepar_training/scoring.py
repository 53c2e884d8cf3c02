"""What is measured of one scan: overlap, surface distance, lesions found and false, and what a lesion's confidence was worth."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .cascade import share_inside
from .held_out import HeldOut
from .pool import IGNORE, healthy_hu
from .scene import LESION, LIVER

_AROUND = np.ones((3, 3, 3), bool)
# A lesion counts as found when this share of its voxels is labelled lesion.
FOUND_SHARE = 0.2


@dataclass
class TrueLesion:
    diameter_mm: float  # of the sphere of its volume
    kind: str
    contrast_to_noise: float  # of its median against the liver's, in standard deviations of the liver's HU
    found: bool


@dataclass
class Marked:
    """A lesion that the model marked. `true`: it touches a lesion; `hidden`: it only touches one that nobody could see."""

    ml: float
    confidence: float
    inside: float
    true: bool
    hidden: bool


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    """1 where both are empty."""
    size = int(found.sum()) + int(truth.sum())
    return float(2 * (found & truth).sum() / size) if size else 1.0


def surface_distances(found: np.ndarray, truth: np.ndarray, spacing_zyx) -> tuple[float, float]:
    """(mean, 95th percentile) in mm of the distances between two surfaces, both ways; NaN when one is empty."""
    if not found.any() or not truth.any():
        return float('nan'), float('nan')
    where = np.nonzero(found | truth)
    box = tuple(slice(max(0, i.min() - 1), i.max() + 2) for i in where)
    found, truth = np.pad(found[box], 1), np.pad(truth[box], 1)
    surface = [m & ~ndimage.binary_erosion(m) for m in (found, truth)]
    away = [ndimage.distance_transform_edt(~s, sampling=spacing_zyx) for s in surface]
    both = np.concatenate([away[1][surface[0]], away[0][surface[1]]])
    return float(both.mean()), float(np.percentile(both, 95))


def true_lesions(found: np.ndarray, truth: HeldOut) -> list[TrueLesion]:
    """The connected lesions of the truth; one that has grown together of several has the type of the largest."""
    parts, _ = ndimage.label(truth.labels == LESION, _AROUND)
    healthy, noise = healthy_hu(truth.scan.hu, truth.labels)
    result = []
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        inside = parts[box] == number
        size = int(inside.sum())
        kind = truth.kinds.get(int(np.bincount(truth.lesion_numbers[box][inside]).argmax()), 'unknown')
        diameter_mm = 2 * (size * float(np.prod(truth.scan.spacing_mm)) * 3 / (4 * np.pi)) ** (1 / 3)
        contrast = abs(float(np.median(truth.scan.hu[box][inside])) - healthy)
        covered = int((found[box] & inside).sum())
        result.append(TrueLesion(diameter_mm, kind, contrast / max(noise, 1.0), covered >= FOUND_SHARE * size))
    return result


def marked_lesions(labels: np.ndarray, lesion_probability: np.ndarray, truth: np.ndarray, voxel_ml: float) -> list[Marked]:
    """`truth` holds LESION, and IGNORE for lesions that nobody could see."""
    parts, _ = ndimage.label(labels == LESION, _AROUND)
    result = []
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        wider = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
        inside = parts[wider] == number
        there = truth[wider][inside]
        true = bool((there == LESION).any())
        result.append(Marked(
            float(inside.sum() * voxel_ml), float(lesion_probability[wider][inside].mean()), share_inside(labels[wider], inside), true, not true and bool((there == IGNORE).any()),
        ))  # fmt: skip
    return result


def liver_of(labels: np.ndarray) -> np.ndarray:
    """Liver with all that grows in it."""
    return (labels == LIVER) | (labels == LESION) | (labels == IGNORE)
