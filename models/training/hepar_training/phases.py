"""Attenuation of the tissues by contrast phase, in HU.

The liver's own dynamics: 45 to 65 HU before contrast, lower with fat in it; a small rise while the aorta is at its peak
(a quarter of its supply is arterial), the largest, 40 to 80 HU, when portal blood has arrived, then a slow fall while
all blood pools level out (Bae, Radiology 2010;256:32). The dose relative to the body scales every rise."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PHASES = ('unenhanced', 'arterial', 'portal', 'delayed', 'random')
_SHARE = (0.17, 0.16, 0.4, 0.09, 0.18)


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
    steatosis = u(10, 55) if rng.random() < 0.16 else 0.0
    native, dose, blood = u(44, 68), u(0.7, 1.5), u(30, 48)
    if phase == 'unenhanced':
        liver = native - steatosis
        t = dict(liver=liver, spleen=u(38, 55), kidney=u(25, 38), medulla=0, aorta=blood, cava=blood + u(-3, 3), portal_vein=blood - liver, hepatic_vein=blood - liver)
    elif phase == 'arterial':
        late = rng.random() < 0.6  # portal vein already filling
        liver = native - steatosis + dose * (u(8, 28) if late else u(2, 10))
        portal = dose * (u(20, 80) if late else u(0, 15))
        t = dict(liver=liver, spleen=70 + dose * u(20, 75), kidney=dose * u(100, 180), medulla=-u(40, 90), aorta=dose * u(190, 320), cava=u(50, 140), portal_vein=blood + portal - liver, hepatic_vein=blood - liver + u(-5, 15))
    elif phase == 'portal':
        liver = native - steatosis + dose * u(40, 82)
        t = dict(liver=liver, spleen=45 + dose * u(50, 85), kidney=dose * u(110, 180), medulla=-u(0, 30), aorta=45 + dose * u(70, 125), cava=45 + dose * u(40, 100), portal_vein=dose * u(12, 60) + 0.5 * steatosis, hepatic_vein=dose * u(5, 60) + 0.5 * steatosis)
    elif phase == 'delayed':
        liver, pool = native - steatosis + dose * u(22, 45), 42 + dose * u(38, 62)
        t = dict(liver=liver, spleen=45 + dose * u(28, 48), kidney=dose * u(90, 150), medulla=u(0, 40), aorta=pool, cava=pool + u(-3, 3), portal_vein=pool - liver, hepatic_vein=pool - liver)
    else:  # keeps the networks from leaning on absolute HU
        t = dict(liver=u(10, 195), spleen=u(20, 200), kidney=u(10, 240), medulla=u(-60, 40), aorta=u(20, 350), cava=u(20, 200), portal_vein=u(-30, 80), hepatic_vein=u(-30, 80))
    return Tissues(phase=phase, muscle=u(45, 75), fat=u(-118, -85), bile=u(-5, 24) if rng.random() < 0.93 else u(40, 160), soft=u(30, 105), **t)
