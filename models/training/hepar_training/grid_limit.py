"""What a grid alone costs: the truth of the held-out scans, brought to a stage's grid and back, against itself.

    python3 -m hepar_training.grid_limit [--work DIR] [--count 20] [--spacing-mm 1.5 2 3]

A network that puts every voxel of the grid in its class, without saying how sure it is, gets this."""
from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean

import numpy as np

from . import held_out
from .cascade import from_grid, to_grid
from .held_out import HeldOut
from .scene import LESION
from .scoring import dice, liver_of, true_lesions


def there_and_back(mask: np.ndarray, spacing_zyx, spacing_mm: float) -> np.ndarray:
    """A mask (bool [z, y, x]) decided voxel by voxel on the grid, and that on the scan's voxels again, 0 to 1."""
    share, scale = to_grid(mask.astype(np.float32), spacing_zyx, spacing_mm)
    return from_grid((share > 0.5).astype(np.float32), scale, mask.shape)


def limit_of(given: HeldOut, spacing_mm: float) -> tuple[float, list[bool]]:
    """Dice of the liver, and which of the lesions of 10 mm and more would be found."""
    liver, lesion = liver_of(given.labels), given.labels == LESION
    whole, part = (there_and_back(mask, given.scan.spacing_mm[::-1], spacing_mm) for mask in (liver, lesion))
    found = (whole > 0.5) & (part > whole - part)
    return dice(whole > 0.5, liver), [t.found for t in true_lesions(found, given) if t.diameter_mm >= 10]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', type=Path, default=Path('.data/training'))
    parser.add_argument('--which', choices=('test', 'tuning'), default='test')
    parser.add_argument('--count', type=int, default=60, help='scans, at most')
    parser.add_argument('--spacing-mm', type=float, nargs='+', default=[1.5, 2.0, 3.0])
    options = parser.parse_args()
    scans = [held_out.kept(options.which, index, options.work / 'held-out') for index in range(min(options.count, held_out.COUNT[options.which]))]
    for spacing_mm in options.spacing_mm:
        limits = [limit_of(scan, spacing_mm) for scan in scans]
        found = [lesion for _, lesions in limits for lesion in lesions]
        print(f'{spacing_mm:g} mm: liver Dice mean {mean(d for d, _ in limits):.3f}, least {min(d for d, _ in limits):.3f}; {sum(found)} of {len(found)} lesions of 10 mm and more')


if __name__ == '__main__':
    main()
