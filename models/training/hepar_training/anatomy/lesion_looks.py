"""What each type of lesion looks like, by contrast phase. HU and patterns follow descriptions in the literature:

- cyst: water, thin wall, no enhancement (Mortele and Ros, RadioGraphics 2001;21:895).
- haemangioma: nodules at the rim as bright as the aorta, filling in from outside (Quinn and Benjamin, Radiology 1992;182:545).
- metastasis: dark in the portal phase, bright rim, necrotic core; a few are hypervascular (Sica, Ji and Ros, AJR 2000;174:691).
- hcc: bright in the arterial phase, washout later, capsule, mosaic (Chernyak et al., LI-RADS 2018, Radiology 2018;289:816).
- abscess: fluid, bright wall within a dark halo ('double target', Mathieu et al., Radiology 1985;154:749), septa, sometimes gas.
- treated: lipiodol, ablation zone with a thin rim, calcification (treatment response in LI-RADS 2018, as above).
- tiny: too small to show more than that they differ (Schwartz et al., Radiology 1999;210:71).
- infiltrating: ill-defined, faint, patchy (Reynolds et al., RadioGraphics 2015;35:371).
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..fields import LatticeNoise
from ..phases import Tissues
from ..scene import Box, Scene


@dataclass
class Look:
    """One lesion about to be painted; `distance` is its signed distance in mm, `rng` its own random numbers."""

    scene: Scene
    box: Box
    distance: np.ndarray
    radius: float
    rng: np.random.Generator
    tissues: Tissues
    phase: str  # the phase it behaves as
    sharp_mm: float

    def u(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    @property
    def grain(self) -> np.ndarray:
        return self.scene.grain[self.box]

    @property
    def mottle(self) -> np.ndarray:
        return self.scene.mottle[self.box]

    def fill(self, hu, deeper_mm: float = 0.0, soft_mm: float | None = None) -> None:
        self.scene.paint(self.distance + deeper_mm, hu, None, self.box, self.sharp_mm if soft_mm is None else soft_mm)

    def shift(self, by_hu) -> None:
        """Changes the liver's own HU, so that vessels still show through a little."""
        self.fill(0.15 * self.scene.hu[self.box] + 0.85 * self.tissues.liver + by_hu)

    def rim(self, hu, width_mm: float, outside_mm: float = 0.0) -> None:
        ring = np.abs(self.distance - outside_mm + width_mm / 2) - width_mm / 2
        self.scene.paint(ring, hu, None, self.box)

    def where(self, inside: np.ndarray, hu, deeper_mm: float = 0.0, soft_mm: float = 1.0) -> None:
        """Paints the part of the lesion where the field `inside` (about 1 per standard deviation) is positive."""
        self.scene.paint(np.maximum(self.distance + deeper_mm, -4 * inside), hu, None, self.box, soft_mm)

    def contrast(self, least: float, most: float) -> float:
        """HU of difference, at least what the noise of this scan lets one see."""
        return max(self.u(least, most), 1.1 * self.scene.plan.noise_hu)


def paint(scene: Scene, number: int, kind: str, radius_mm: float, distance: np.ndarray, box: Box) -> None:
    rng = scene.plan.rng(f'lesion look {number}')
    tissues = scene.plan.tissues
    phase = tissues.phase if tissues.phase != 'random' else str(rng.choice(['unenhanced', 'arterial', 'portal', 'delayed']))
    sharp_mm = float(rng.uniform(0, 0.6) if scene.plan.plain else rng.uniform(0.2, min(3.5, 0.4 * radius_mm)))
    _LOOKS[kind](Look(scene, box, distance, radius_mm, rng, tissues, phase, sharp_mm))


def _cyst(look: Look) -> None:
    look.fill(look.u(-3, 18) if look.chance(0.9) else look.u(18, 35), soft_mm=look.u(0, 0.6))
    if look.radius > 8 and look.chance(0.15):  # septum
        look.where(0.12 - np.abs(look.mottle), look.u(25, 60))


def _haemangioma(look: Look) -> None:
    t, blood = look.tissues, min(look.tissues.aorta, look.tissues.liver + 140)
    if look.phase == 'unenhanced':
        look.shift(-look.contrast(14, 32))
        return
    look.fill(t.liver - look.contrast(18, 55))
    if look.phase == 'delayed':
        look.fill(t.liver + look.contrast(10, 40), soft_mm=2)
        if look.radius > 10 and look.chance(0.6):
            look.fill(t.liver - look.u(10, 40), deeper_mm=look.radius * look.u(0.55, 0.8), soft_mm=4)
        return
    if look.radius < 8 and look.chance(0.4):  # flash filling
        look.fill(t.liver + 0.8 * max(blood - t.liver, 25.0))
        return
    depth = look.radius * (look.u(0.12, 0.35) if look.phase == 'arterial' else look.u(0.3, 0.7))
    shell = -np.abs(look.distance + depth / 2) + depth / 2
    look.where(np.minimum(shell / 4, look.grain + 0.6 * look.mottle + look.u(0.0, 0.5)), t.liver + look.u(0.55, 0.95) * max(blood - t.liver, 25.0))


def _metastasis(look: Look) -> None:
    t = look.tissues
    if look.phase == 'arterial' and look.chance(0.3):  # hypervascular
        look.shift(look.contrast(18, 70) * (1 + 0.15 * look.grain))
    else:
        dark = look.contrast(18, 72)
        look.shift(-dark * (1 + look.u(0, 0.2) * look.grain + look.u(0, 0.2) * look.mottle))
        if look.phase != 'unenhanced' and look.radius > 4 and look.chance(0.45):
            look.rim(t.liver + look.u(5, 45) - (10 if look.chance(0.4) else 0), look.u(1.2, min(4.5, 0.3 * look.radius + 1)))
    if look.radius > 7 and look.chance(0.45):
        look.fill(look.u(5, 35), deeper_mm=look.radius * look.u(0.35, 0.65), soft_mm=3)
    if look.chance(0.05):
        look.fill(look.u(150, 500), deeper_mm=0.75 * look.radius)


def _hcc(look: Look) -> None:
    t, large = look.tissues, look.radius > 12
    mosaic = (look.u(0.15, 0.6) if large else 0.15) * (0.6 * look.grain + look.mottle)
    if large and look.chance(0.5):  # nodules in the nodule
        mosaic = 0.3 * mosaic + look.u(0.3, 0.9) * np.tanh(3 * LatticeNoise(look.rng, 0.5 * look.radius)(*look.scene.at(look.box))[0])
    if look.phase == 'arterial':
        look.shift(look.contrast(20, 75) * (1 - mosaic) if look.chance(0.8) else -look.contrast(12, 35) * (1 + mosaic))
    else:
        look.shift(-look.contrast(12, 45) * (1 + mosaic))
    if look.phase in ('portal', 'delayed') and look.chance(0.55):  # capsule
        look.rim(t.liver + look.u(8, 40), look.u(0.8, 2.2))
    if large and look.chance(0.6):  # necrosis in patches
        look.where(look.mottle - look.u(0.4, 1.1), look.u(10, 45), deeper_mm=2, soft_mm=2)
    if large and look.chance(0.4):  # and in small holes
        look.where(look.grain - look.u(1.0, 1.6), look.u(10, 60), deeper_mm=2)
    if look.chance(0.1):  # fat
        look.where(look.grain - look.u(0.6, 1.2), look.u(-30, 15), deeper_mm=1, soft_mm=2)


def _abscess(look: Look) -> None:
    t = look.tissues
    if look.phase != 'unenhanced' and look.chance(0.6):  # halo of oedema outside the wall, which is not labelled
        halo = np.abs(look.distance - look.u(1.5, 3.0)) - look.u(1.5, 4.0)
        look.scene.paint(np.where(look.scene.labels[look.box] > 0, halo, 9), t.liver - look.u(8, 20), None, look.box, 2)
    look.fill(look.u(5, 38))
    if look.chance(0.5):
        look.where(0.3 - np.abs(look.mottle), t.liver - look.u(0, 20))  # septa of a cluster
    if look.phase != 'unenhanced':
        look.rim(t.liver + look.u(0, 35), look.u(1.5, 4))
    if look.chance(0.15):
        bubble = np.maximum(look.grain - 1.2, -(look.scene.p[1][look.box] - look.scene.p[1][look.box].mean()) / 20)
        look.where(np.minimum(bubble, look.grain - 0.8), -700, deeper_mm=3)


def _treated(look: Look) -> None:
    t, way = look.tissues, look.rng.random()
    look.shift(-look.contrast(18, 50))
    if way < 0.45:  # lipiodol, more or less complete
        look.where(look.mottle + 0.5 * look.grain + look.u(-0.6, 1.2), look.u(150, 900) * (1 + 0.2 * look.grain))
    elif way < 0.8:  # ablation
        look.fill(look.u(20, 50), soft_mm=0.5)
        look.rim(t.liver + look.u(0, 30), look.u(0.8, 2))
        if look.chance(0.4):
            look.fill(t.liver + look.u(0, 25), deeper_mm=0.7 * look.radius, soft_mm=4)
    else:  # calcified
        look.where(look.grain - look.u(0.0, 0.8), look.u(200, 700), deeper_mm=1)


def _tiny(look: Look) -> None:
    bright = look.phase == 'arterial' and look.chance(0.25)
    look.shift(look.contrast(25, 70) if bright else -look.contrast(25, 75))


def _infiltrating(look: Look) -> None:
    faint = look.contrast(14, 38) * (1 + 0.5 * look.mottle + 0.3 * look.grain)
    soft_mm = look.u(4, 11)
    sign = 1 if look.phase == 'arterial' and look.chance(0.4) else -1
    look.fill(0.3 * look.scene.hu[look.box] + 0.7 * look.tissues.liver + sign * faint, soft_mm=soft_mm)


_LOOKS = {
    'cyst': _cyst, 'haemangioma': _haemangioma, 'metastasis': _metastasis, 'hcc': _hcc, 'abscess': _abscess,
    'treated': _treated, 'tiny': _tiny, 'confluent': _metastasis, 'infiltrating': _infiltrating,
}  # fmt: skip
