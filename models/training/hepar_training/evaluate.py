"""Measures the two trained stages together.

    python3 -m hepar_training.evaluate synthetic [--count 12]      held-out synthetic scans: Dice and lesions, one line each
    python3 -m hepar_training.evaluate PATH --png OUT.png          a DICOM folder or a NIfTI file: volumes, and a sheet to look at
    python3 -m hepar_training.evaluate FOLDER --phantom            the folder that `hepar phantom --out FOLDER` wrote, against its truth
    python3 -m hepar_training.evaluate PATH --truth LABELS.nii.gz --liver 5     with a reference mask of the liver
"""
from __future__ import annotations

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from scipy import ndimage  # noqa: E402

from .cascade import Result, segment_scan  # noqa: E402
from .ct_files import Scan, read, read_dicom  # noqa: E402
from .export import load  # noqa: E402
from .samples import scan_sample  # noqa: E402

FIRST_HELD_OUT_SEED = 9_000_000
SIZES_MM = (0, 10, 15, 25, 1000)


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / max(1, found.sum() + truth.sum()))


def match_lesions(found: np.ndarray, truth: np.ndarray, voxel_ml: float) -> tuple[list[tuple[float, bool]], int]:
    """(equivalent diameter in mm, found) of each true lesion, and the number of found lesions that touch none."""
    true_parts, true_count = ndimage.label(truth, np.ones((3, 3, 3)))
    found_parts, found_count = ndimage.label(found, np.ones((3, 3, 3)))
    sizes = np.bincount(true_parts.ravel(), minlength=true_count + 1)[1:]
    covered = np.bincount(true_parts[found], minlength=true_count + 1)[1:]
    diameters = 2 * (sizes * voxel_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    hits = [(float(d), bool(c >= 0.2 * s)) for d, c, s in zip(diameters, covered, sizes)]
    touching = set(np.unique(found_parts[truth])) - {0}
    return hits, found_count - len(touching)


def evaluate_synthetic(count: int, locate, segment) -> None:
    hits, false, dices, coarse = [], [], [], []
    for seed in range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + count):
        sample = scan_sample(seed)
        result = segment_scan(Scan(sample.hu, sample.grid.spacing_mm), locate, segment)
        liver = (sample.labels == 1) | (sample.labels == 2)
        one, extra = match_lesions(result.labels == 2, sample.labels == 2, 0.008)
        hits += one
        false.append(extra)
        dices.append(dice(result.labels > 0, liver))
        coarse.append(dice(result.located, liver))
        print(f'{seed} {sample.plan.tissues.phase:10} liver Dice {dices[-1]:.3f} (stage 1 {coarse[-1]:.3f}), lesion Dice {dice(result.labels == 2, sample.labels == 2):.3f}, found {sum(h for _, h in one)}/{len(one)}, false {extra}', flush=True)
    print(f'liver Dice: mean {np.mean(dices):.3f}, median {np.median(dices):.3f}, least {min(dices):.3f}; stage 1 alone: mean {np.mean(coarse):.3f}')
    for low, high in zip(SIZES_MM, SIZES_MM[1:]):
        group = [h for d, h in hits if low <= d < high]
        print(f'lesions of {low} to {high} mm: {sum(group)} of {len(group)} found')
    print(f'false lesions a scan: mean {np.mean(false):.2f}, most {max(false)}')


def draw_sheet(scan: Scan, result: Result, path: Path, columns: int = 5) -> None:
    heights = np.linspace(0.06, 0.94, 3 * columns) * (len(scan.hu) - 1)
    figure, axes = plt.subplots(3, columns, figsize=(4 * columns, 11), facecolor='black')
    aspect = scan.spacing_mm[1] / scan.spacing_mm[0]
    for axis, z in zip(axes.ravel(), heights.astype(int)):
        axis.imshow(scan.hu[z], cmap='gray', vmin=-110, vmax=190, aspect=aspect)
        for mask, colour in ((result.located[z], 'deepskyblue'), (result.labels[z] > 0, 'red'), (result.labels[z] == 2, 'yellow')):
            if mask.any():
                axis.contour(mask, [0.5], colors=colour, linewidths=0.8)
        axis.set_title(str(z), color='white', fontsize=7)
        axis.axis('off')
    figure.tight_layout()
    figure.savefig(path, dpi=60)


def evaluate_file(options, locate, segment) -> None:
    scan = read(Path(options.input))
    start = time.time()
    result = segment_scan(scan, locate, segment)
    ml = float(np.prod(scan.spacing_mm)) / 1000
    _, lesions = ndimage.label(result.labels == 2, np.ones((3, 3, 3)))
    print(f'{scan.hu.shape[::-1]} voxels of {tuple(round(s, 3) for s in scan.spacing_mm)} mm, {time.time() - start:.0f} s on one thread in PyTorch')
    print(f'stage 1 liver {result.located.sum() * ml:.0f} ml; liver {(result.labels > 0).sum() * ml:.0f} ml, {lesions} lesions of {(result.labels == 2).sum() * ml:.1f} ml')
    if options.truth:
        truth = read(Path(options.truth)).hu
        liver = np.isin(truth, options.liver)
        print(f'reference liver {liver.sum() * ml:.0f} ml: Dice {dice(result.labels > 0, liver):.3f} (stage 1 {dice(result.located, liver):.3f})')
    if options.png:
        draw_sheet(scan, result, Path(options.png))


def evaluate_phantom(options, locate, segment) -> None:
    folder = Path(options.input)
    scan = read_dicom(folder / 'dicom')
    truth = np.fromfile(folder / 'truth.raw', np.uint8).reshape(scan.hu.shape)  # 0, 1 liver, 2... one number a lesion
    result = segment_scan(scan, locate, segment)
    ml = float(np.prod(scan.spacing_mm)) / 1000
    hits, extra = match_lesions(result.labels == 2, truth > 1, ml)
    print(f'liver Dice {dice(result.labels > 0, truth > 0):.3f} (stage 1 {dice(result.located, truth > 0):.3f}), lesion Dice {dice(result.labels == 2, truth > 1):.3f}, false {extra}')
    for number in range(2, int(truth.max()) + 1):
        lesion = truth == number
        diameter = 2 * (lesion.sum() * ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
        print(f'lesion of {diameter:.0f} mm: {(result.labels[lesion] == 2).mean():.2f} of it found')
    if options.png:
        draw_sheet(scan, result, Path(options.png))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('input')
    parser.add_argument('--work', type=Path, default=Path('.data/training'))
    parser.add_argument('--count', type=int, default=12)
    parser.add_argument('--phantom', action='store_true')
    parser.add_argument('--png')
    parser.add_argument('--truth')
    parser.add_argument('--liver', type=int, nargs='+', default=[5])
    options = parser.parse_args()
    torch.set_num_threads(1)
    locate, segment = load('locate', options.work), load('segment', options.work)
    if options.input == 'synthetic':
        evaluate_synthetic(options.count, locate, segment)
    elif options.phantom:
        evaluate_phantom(options, locate, segment)
    else:
        evaluate_file(options, locate, segment)


if __name__ == '__main__':
    main()
