"""How HU become network input. The manifest carries the same numbers, so that the server does exactly this."""
from __future__ import annotations

import numpy as np

WINDOW_HU = (-200.0, 300.0)
CENTRE_HU, WINDOW_SCALE_HU = 50.0, 125.0
CLIP_HU, MEDIAN_SCALE_HU = 150.0, 40.0
AIR_HU = -1024.0


def window(hu: np.ndarray) -> np.ndarray:
    """Input of the locating stage."""
    return ((np.clip(hu, *WINDOW_HU) - CENTRE_HU) / WINDOW_SCALE_HU).astype(np.float32)


def around_liver_median(hu: np.ndarray, median_hu: float) -> np.ndarray:
    """Input of the segmenting stage: a lesion is what differs from this liver, in whatever phase."""
    return (np.clip(hu - median_hu, -CLIP_HU, CLIP_HU) / MEDIAN_SCALE_HU).astype(np.float32)
