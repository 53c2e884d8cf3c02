"""One body on one grid: coordinates for its parts to be drawn in, and the canvas they are painted on."""
from __future__ import annotations

import numpy as np

from .fields import LatticeNoise, smooth_max
from .grid import Grid
from .plan import BodyPlan

BACKGROUND, LIVER, LESION, SPLEEN, KIDNEY, GALLBLADDER = range(6)
Box = tuple[slice, slice, slice]
WHOLE: Box = (slice(None),) * 3
# The warped and tilted organs stay within this distance of where an unwarped box would be.
_WARP_REACH_MM = 28.0


class Scene:
    """`hu`, `labels` and `lesion_numbers` are [z, y, x]. `p` are the organ coordinates (warped), `trunk` the gentler ones of wall and spine."""

    def __init__(self, plan: BodyPlan, grid: Grid):
        self.plan, self.grid = plan, grid
        self.voxel_mm = float(np.mean(grid.spacing_mm))
        position = grid.positions_mm()
        turn = plan.turn
        flat = [turn[i, 0] * position[0] + turn[i, 1] * position[1] + turn[i, 2] * position[2] for i in range(3)]
        rng = plan.rng('warp')
        coarse, fine = LatticeNoise(rng, 70, 3)(*flat), LatticeNoise(rng, 30, 3)(*flat)
        bend = np.float32(plan.bend) * np.sin(flat[2] / 90 + np.float32(plan.seed % 6))
        self.position = position
        self.p = [flat[i] + np.float32(plan.warp[0]) * coarse[i] + np.float32(plan.warp[1]) * fine[i] for i in range(3)]
        self.p[0] = self.p[0] + bend
        self.trunk = [flat[0] + bend + 0.35 * plan.warp[0] * coarse[0], flat[1] + 0.35 * plan.warp[0] * coarse[1], flat[2]]
        texture = plan.rng('texture')
        amount = np.float32(0.0 if plan.plain else 1.0)
        self.grain = amount * LatticeNoise(texture, 9)(*flat)[0]
        self.mottle = amount * LatticeNoise(texture, 25)(*flat)[0]
        self.hu = np.full(grid.shape_zyx, -1000, np.float32)
        self.labels = np.zeros(grid.shape_zyx, np.uint8)
        self.lesion_numbers = np.zeros(grid.shape_zyx, np.uint8)  # which lesion, where `labels` is LESION
        self.metal = np.zeros(grid.shape_zyx, bool)
        self._measure_trunk()

    def _measure_trunk(self) -> None:
        """The trunk is no cylinder: it narrows to the shoulders and changes at the hip; depth scales about the spine."""
        plan, (x, y, z) = self.plan, self.trunk
        width = (1 - 0.3 * np.clip((z - plan.dome_right_z - 10) / 190, 0, 1) ** 1.3) * (1 + plan.hip_growth * np.tanh((z - plan.liver_low_z) / 110))
        width = width * (1 - 0.45 * np.clip((z - plan.dome_right_z - 230) / 40, 0, 1))  # the neck
        depth = 1 - 0.6 * (1 - width)
        self.wide_x = (x / width).astype(np.float32)
        self.wide_y = (plan.spine_y + (y - plan.spine_y) / depth).astype(np.float32)
        rng = plan.rng('trunk')
        back = rng.uniform(0.9, 1.05)
        below = np.float32(plan.liver_low_z - 300) - z  # the trunk ends where the legs begin
        self.cavity = np.maximum(self._superellipse(plan.cavity_x, plan.cavity_y, plan.cavity_y * back), below + 30)
        self.wall = np.maximum(self._superellipse(plan.cavity_x + plan.wall, plan.cavity_y + plan.wall, plan.cavity_y + plan.wall + rng.uniform(14, 30)), below + 10)
        skin = self._superellipse(
            plan.cavity_x + plan.wall + plan.side_fat,
            plan.cavity_y + plan.wall + plan.front_fat,
            plan.cavity_y + plan.wall + rng.uniform(24, 40) + 0.6 * plan.side_fat,
        )
        self.skin = np.maximum(skin, below)
        right, left = self._dome(-0.45, plan.dome_right_z), self._dome(0.45, plan.dome_left_z)
        self.above_diaphragm = self.p[2] - smooth_max(float(rng.uniform(40, 110)), right, left)
        gap = rng.uniform(0, 2) if plan.leanness > 0.5 else rng.uniform(1, 6)
        self.abdomen = smooth_max(6, self.cavity + np.float32(gap), self.above_diaphragm + np.float32(rng.uniform(1, 4)))

    def _superellipse(self, half_x: float, front: float, back: float) -> np.ndarray:
        power = self.plan.squareness
        half_y = np.where(self.wide_y < 0, np.float32(front), np.float32(back))
        norm = (np.abs(self.wide_x / half_x) ** power + np.abs(self.wide_y / half_y) ** power) ** (1 / power)
        return ((norm - 1) * min(half_x, front, back)).astype(np.float32)

    def _dome(self, at_x: float, top_z: float) -> np.ndarray:
        plan = self.plan
        side, behind, front = plan.dome_fall
        depth = (self.wide_y + 0.1 * plan.cavity_y) / plan.cavity_y
        across = (self.wide_x - at_x * plan.cavity_x) / (0.55 * plan.cavity_x)
        return (top_z - 0.8 * side * across**2 - np.where(depth > 0, behind, front) * depth**2).astype(np.float32)

    def box(self, centre_mm, half_mm) -> Box | None:
        """Where a solid of this half size can lie on the grid, warp included."""
        world = self.plan.turn.T @ np.asarray(centre_mm, np.float32)
        half = np.broadcast_to(np.asarray(half_mm, np.float32), (3,)) + _WARP_REACH_MM
        return self.grid.box(world, half)

    def at(self, box: Box) -> list[np.ndarray]:
        return [c[box] for c in self.p]

    def paint(self, distance: np.ndarray, hu, label: int | None = None, box: Box = WHOLE, soft_mm: float = 0.0) -> None:
        """Blends `hu` in where `distance` is negative, antialiased over one voxel plus `soft_mm`."""
        width = np.float32(self.voxel_mm + soft_mm)
        share = np.clip(np.float32(0.5) - distance / width, 0, 1)
        view = self.hu[box]
        view += share * (hu - view)
        if label is not None:
            self.labels[box][distance < 0] = label
