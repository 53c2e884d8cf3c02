"""Implicit surfaces and smooth random fields: the clay the anatomy is made of. All distances in mm, negative inside."""
from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


class LatticeNoise:
    """A smooth random field: standard-normal values on a cubic lattice, linearly interpolated, mirrored outside its reach."""

    def __init__(self, rng: np.random.Generator, scale_mm: float, channels: int = 1, reach_mm: float = 300.0):
        nodes = int(np.ceil(2 * reach_mm / scale_mm)) + 1
        self.reach_mm = reach_mm
        self.lattice = torch.from_numpy(rng.standard_normal((1, channels, nodes, nodes, nodes), dtype=np.float32))

    def __call__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Values [channel, ...] at the positions (mm)."""
        points = torch.from_numpy(np.stack([x, y, z], -1).astype(np.float32) / np.float32(self.reach_mm))
        out = F.grid_sample(self.lattice, points.reshape(1, -1, 1, 1, 3), mode='bilinear', padding_mode='reflection', align_corners=True)
        return out[0, :, :, 0, 0].reshape((-1,) + x.shape).numpy()


def smooth_max(width_mm: float, *fields: np.ndarray) -> np.ndarray:
    """Intersection of solids with edges rounded over about `width_mm` (polynomial smooth maximum)."""
    result = fields[0]
    for field in fields[1:]:
        overlap = np.maximum(width_mm - np.abs(result - field), 0) / width_mm
        result = np.maximum(result, field) + overlap * overlap * (width_mm / 4)
    return result


def smooth_min(width_mm: float, *fields: np.ndarray) -> np.ndarray:
    """Union of solids with rounded creases."""
    return -smooth_max(width_mm, *[-field for field in fields])


def rotation(about_x: float, about_y: float, about_z: float) -> np.ndarray:
    """The rotation matrix Rz Ry Rx for angles in radians."""
    cx, sx, cy, sy, cz, sz = (f(a) for a in (about_x, about_y, about_z) for f in (np.cos, np.sin))
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    return (rz @ ry @ rx).astype(np.float32)


def random_rotation(rng: np.random.Generator, most_rad: float = 3.0) -> np.ndarray:
    return rotation(*rng.uniform(-most_rad, most_rad, 3))


def ellipsoid(p, centre_mm, radii_mm, turn: np.ndarray | None = None) -> np.ndarray:
    """Approximate signed distance to an ellipsoid; `p` holds the x, y, z arrays, `turn` takes patient to ellipsoid axes."""
    q = [p[i] - np.float32(centre_mm[i]) for i in range(3)]
    if turn is not None:
        q = [turn[i, 0] * q[0] + turn[i, 1] * q[1] + turn[i, 2] * q[2] for i in range(3)]
    norm = np.sqrt(sum((q[i] / np.float32(radii_mm[i])) ** 2 for i in range(3)))
    return (norm - 1) * np.float32(min(radii_mm))


def capsule(p, start_mm, end_mm, start_radius_mm: float, end_radius_mm: float) -> np.ndarray:
    """Signed distance to a tube with round ends whose radius changes along it."""
    a, v = np.asarray(start_mm, np.float32), np.asarray(end_mm, np.float32) - np.asarray(start_mm, np.float32)
    q = [p[i] - a[i] for i in range(3)]
    t = np.clip((q[0] * v[0] + q[1] * v[1] + q[2] * v[2]) / (float(v @ v) + 1e-6), 0, 1)
    away = np.sqrt(sum((q[i] - t * v[i]) ** 2 for i in range(3)))
    return away - (start_radius_mm + (end_radius_mm - start_radius_mm) * t)
