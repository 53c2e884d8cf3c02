"""A regular, patient-aligned grid. Arrays are [z, y, x]; positions and spacings are (x, y, z) in mm, in the LPS system."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Grid:
    origin_mm: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    shape_zyx: tuple[int, int, int]

    @staticmethod
    def centred(centre_mm, spacing_mm, shape_zyx) -> 'Grid':
        """The grid of this shape whose middle is `centre_mm`."""
        shape_xyz = shape_zyx[::-1]
        origin = tuple(float(centre_mm[i] - (shape_xyz[i] - 1) * spacing_mm[i] / 2) for i in range(3))
        return Grid(origin, tuple(float(s) for s in spacing_mm), tuple(int(n) for n in shape_zyx))

    def positions_mm(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, y and z of every voxel centre, each float32 [z, y, x]."""
        axes = [np.float32(self.origin_mm[i]) + np.float32(self.spacing_mm[i]) * np.arange(self.shape_zyx[2 - i], dtype=np.float32) for i in range(3)]
        z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing='ij')
        return x, y, z

    def box(self, centre_mm, half_mm) -> tuple[slice, slice, slice] | None:
        """The slices [z, y, x] of the box around `centre_mm`, or None when it misses the grid."""
        slices = []
        for i in range(3):
            first = int((centre_mm[i] - half_mm[i] - self.origin_mm[i]) // self.spacing_mm[i])
            last = int((centre_mm[i] + half_mm[i] - self.origin_mm[i]) // self.spacing_mm[i]) + 2
            first, last = max(first, 0), min(last, self.shape_zyx[2 - i])
            if first >= last:
                return None
            slices.append(slice(first, last))
        return slices[2], slices[1], slices[0]
