"""Pictures of results to look at."""
from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from .cascade import Result, segment_scan  # noqa: E402
from .ct_files import Scan  # noqa: E402
from .held_out import FIRST_SEED, kept  # noqa: E402
from .model import Model  # noqa: E402
from .scoring import liver_of  # noqa: E402


def _draw(axis, hu: np.ndarray, outlines, aspect: float, title: str) -> None:
    axis.imshow(hu, cmap='gray', vmin=-110, vmax=190, aspect=aspect)
    for mask, colour in outlines:
        if mask.any():
            axis.contour(mask, [0.5], colors=colour, linewidths=0.8)
    axis.set_title(title, color='white', fontsize=7)
    axis.axis('off')


def draw_sheet(scan: Scan, result: Result, path: Path, columns: int = 5) -> None:
    heights = np.linspace(0.06, 0.94, 3 * columns) * (len(scan.hu) - 1)
    figure, axes = plt.subplots(3, columns, figsize=(4 * columns, 11), facecolor='black')
    aspect = scan.spacing_mm[1] / scan.spacing_mm[0]
    for axis, z in zip(axes.ravel(), heights.astype(int)):
        outlines = ((result.located[z], 'deepskyblue'), (result.labels[z] > 0, 'red'), (result.labels[z] == 2, 'yellow'))
        _draw(axis, scan.hu[z], outlines, aspect, str(z))
    figure.tight_layout()
    figure.savefig(path, dpi=60)
    plt.close(figure)


def draw_worst(cases: list[tuple[str, dict]], model: Model, folder: Path, out: Path) -> None:
    """One column a case, each at the slice with the largest error: above the truth, below the result."""
    out.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(2, len(cases), figsize=(2.6 * len(cases), 4.6), facecolor='black', squeeze=False)
    for column, (why, row) in zip(axes.T, cases):
        given = kept('test', row['seed'] - FIRST_SEED['test'], folder)
        result = segment_scan(given.scan, model)
        truth, found = (liver_of(given.labels), given.labels == 2), (result.labels > 0, result.labels == 2)
        wrong = (truth[0] != found[0]) if why == 'liver' else (found[1] & ~truth[1])
        z = int(wrong.sum((1, 2)).argmax())
        for axis, (liver, lesion), name in zip(column, (truth, found), ('truth', 'result')):
            _draw(axis, given.scan.hu[z], ((liver[z], 'red'), (lesion[z], 'yellow')), 1.0, f'{row["seed"]} {given.phase}, {why}: {name}')
    figure.tight_layout()
    figure.savefig(out / 'worst.png', dpi=55)
    plt.close(figure)
