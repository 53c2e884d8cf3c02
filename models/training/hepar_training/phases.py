"""Attenuation of the tissues by contrast phase, in HU."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PHASES = ('unenhanced', 'arterial', 'portal', 'late', 'random')
_SHARE = (0.17, 0.14, 0.41, 0.09, 0.19)


@dataclass
class Tissues:
    phase: str
    liver: float
    spleen: float
    kidney: float
    medulla: float  # relative to the kidney's cortex
    aorta: float
    cava: float
    portal_vein: float  # relative to the liver
    hepatic_vein: float  # relative to the liver
    muscle: float
    fat: float
    bile: float
    soft: float  # walls of stomach and bowel, pancreas


def sample_tissues(rng: np.random.Generator) -> Tissues:
    u = rng.uniform
    phase = str(rng.choice(PHASES, p=_SHARE))
    if phase == 'unenhanced':
        t = dict(liver=u(35, 68), spleen=u(38, 55), kidney=u(25, 38), medulla=0, aorta=u(30, 48), cava=u(28, 48), portal_vein=-u(0, 15), hepatic_vein=-u(0, 15))
    elif phase == 'arterial':
        t = dict(liver=u(55, 85), spleen=u(90, 150), kidney=u(120, 200), medulla=-70, aorta=u(220, 400), cava=u(50, 140), portal_vein=u(0, 60), hepatic_vein=-u(0, 15))
    elif phase == 'portal':
        liver = u(80, 130) if rng.random() < 0.85 else u(130, 190)
        t = dict(liver=liver, spleen=liver + u(-5, 35), kidney=u(130, 220), medulla=-u(0, 30), aorta=liver + u(20, 80), cava=liver + u(-5, 60), portal_vein=u(15, 75), hepatic_vein=u(5, 70))
    elif phase == 'late':
        t = dict(liver=u(65, 105), spleen=u(75, 110), kidney=u(110, 190), medulla=u(0, 30), aorta=u(85, 125), cava=u(85, 125), portal_vein=u(3, 30), hepatic_vein=u(3, 30))
    else:  # keeps the networks from leaning on absolute HU
        t = dict(liver=u(10, 180), spleen=u(20, 200), kidney=u(10, 240), medulla=u(-60, 40), aorta=u(20, 350), cava=u(20, 200), portal_vein=u(-30, 80), hepatic_vein=u(-30, 80))
    if rng.random() < 0.15:  # steatosis
        t['liver'] -= u(12, 50)
    return Tissues(phase=phase, muscle=u(45, 75), fat=u(-118, -85), bile=u(-5, 24), soft=u(30, 105), **t)
