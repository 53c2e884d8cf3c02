"""CT series as the references read them."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom


def read_series(folder: Path) -> tuple[np.ndarray, list[float]]:
    slices = sorted((pydicom.dcmread(path) for path in folder.iterdir()), key=lambda one: one.ImagePositionPatient[2])
    hu = np.stack([one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept) for one in slices])
    gap = float(slices[1].ImagePositionPatient[2] - slices[0].ImagePositionPatient[2])
    return hu.astype(np.float32), [gap, *map(float, slices[0].PixelSpacing)]


def stored_as(image: np.ndarray, orientation: str) -> np.ndarray:
    """[z, y, x] of Left, Posterior, Superior as an image whose voxels grow to other sides; its own inverse."""
    return np.flip(image, [axis for axis, letter in zip((2, 1, 0), orientation) if letter not in 'LPS'])
