"""The measures of one body: every part of the anatomy is placed by these, so that neighbours fit each other."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fields import rotation
from .phases import Tissues, sample_tissues


@dataclass
class BodyPlan:
    seed: int
    tissues: Tissues
    plain: bool  # smooth solids without texture, as in a phantom
    cavity_x: float  # half width of the abdominal cavity
    cavity_y: float  # half depth
    wall: float
    side_fat: float
    front_fat: float
    squareness: float  # exponent of the superellipse
    leanness: float  # 1: no visceral fat
    turn: np.ndarray
    bend: float
    hip_growth: float
    dome_right_z: float
    dome_left_z: float
    dome_fall: tuple[float, float, float]  # how steeply the diaphragm falls: sideways, behind, in front
    spine_y: float
    vertebra: tuple[float, float]  # half width, half depth
    liver_low_z: float  # height of the liver's under-surface at x = -20, y = 0
    liver_slope: tuple[float, float]  # rise of the under-surface to the left and to the back
    liver_left_x: float
    lobe_angle: float
    ascites_mm: float  # width of the fluid between liver and wall, 0 without
    cirrhosis: float  # height of the nodules of the liver's surface in mm, 0 without
    riedel_mm: float  # how far a Riedel lobe reaches below the liver, 0 without
    resected: str  # '', 'right' or 'left': which part of the liver has been taken out
    arms_down: bool
    noise_hu: float
    warp: tuple[float, float]  # amplitudes of the coarse and the fine deformation

    def rng(self, part: str) -> np.random.Generator:
        """The random numbers of one part, the same on every grid and whatever the other parts draw."""
        return np.random.default_rng([self.seed, *part.encode()])

    def under_surface_z(self, x, y):
        """Height in mm of the plane into which the viscera below press the liver, at `x` and `y`."""
        rise_left, rise_back = self.liver_slope
        return self.liver_low_z + rise_left * (x + 20) + rise_back * y


def sample_plan(seed: int) -> BodyPlan:
    rng = np.random.default_rng(seed)
    u = rng.uniform
    plain = bool(rng.random() < 0.14)
    cavity_x = u(95, 158)
    cavity_y = cavity_x * u(0.6, 0.86)
    leanness = float(rng.random() ** 0.7)
    lean = leanness > 0.6
    high = u(75, 105)
    cirrhosis = u(1.5, 4.5) if not plain and rng.random() < 0.13 else 0.0
    ascites = 0.0 if plain or rng.random() > (0.4 if cirrhosis else 0.08) else float(u(3, 22))
    long_left = rng.random() < 0.15  # the left lobe reaches the spleen
    return BodyPlan(
        seed=seed,
        tissues=sample_tissues(rng),
        plain=plain,
        cavity_x=cavity_x,
        cavity_y=cavity_y,
        wall=u(6, 17),
        side_fat=u(2, 15) if lean else u(3, 45) * (1.6 if rng.random() < 0.12 else 1),
        front_fat=u(2, 10) if lean else u(3, 40) * (1.6 if rng.random() < 0.12 else 1),
        squareness=u(2.0, 3.0),
        leanness=leanness,
        turn=rotation(*(rng.normal(0, np.deg2rad(4), 3))),
        bend=0.0 if plain else rng.normal(0, 4),
        hip_growth=rng.normal(0, 0.05),
        dome_right_z=high,
        dome_left_z=high - u(0, 24),
        dome_fall=(u(45, 95), u(70, 135), u(40, 85)),
        spine_y=cavity_y * u(0.5, 0.68),
        vertebra=(u(18, 25), u(14, 19)),
        liver_low_z=high - u(75, 155),
        liver_slope=(u(0.1, 0.95), u(-0.05, 0.5)),
        liver_left_x=u(0.75, 1.1) * cavity_x if long_left else u(0, 1.05 * cavity_x),
        lobe_angle=np.deg2rad(u(70, 86) if long_left else u(38, 84)),
        ascites_mm=ascites,
        cirrhosis=cirrhosis,
        riedel_mm=0.0 if plain or rng.random() > 0.1 else float(u(30, 90)),
        resected='' if plain or rng.random() > 0.06 else str(rng.choice(['right', 'left'])),
        arms_down=bool(rng.random() < 0.15),
        noise_hu=u(0, 12) if plain else float(np.exp(u(np.log(3), np.log(24)))),
        warp=(u(0, 3), u(0, 0.5)) if plain else (u(3, 11), u(1, 3.5)),
    )
