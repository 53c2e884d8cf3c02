"""Renders a sheet of slices to look at: `python3 -m hepar_training.render_preview OUT.png [--kind segment] [--first SEED]`."""
from __future__ import annotations

import argparse
import time

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from .samples import locate_sample, segment_sample  # noqa: E402

_COLOURS = {1: 'red', 2: 'yellow', 3: 'magenta', 4: 'cyan'}


def draw_slice(axes, hu: np.ndarray, labels: np.ndarray, title: str) -> None:
    axes.imshow(hu, cmap='gray', vmin=-110, vmax=190)
    for label, colour in _COLOURS.items():
        if (labels == label).any():
            axes.contour(labels == label, [0.5], colors=colour, linewidths=0.6)
    axes.set_title(title, fontsize=6)
    axes.axis('off')


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('out')
    parser.add_argument('--kind', choices=('locate', 'segment'), default='locate')
    parser.add_argument('--first', type=int, default=0)
    parser.add_argument('--columns', type=int, default=5)
    options = parser.parse_args()
    figure, rows = plt.subplots(4, options.columns, figsize=(3 * options.columns, 10), facecolor='black')
    for column in range(options.columns):
        start = time.time()
        sample = (locate_sample if options.kind == 'locate' else segment_sample)(options.first + column)
        print(f'seed {options.first + column}: {time.time() - start:.1f} s, liver {(sample.labels == 1).mean():.3f}, lesion {(sample.labels == 2).mean():.4f}')
        counts = ((sample.labels == 1) | (sample.labels == 2)).sum((1, 2))
        z = int(counts.argmax())
        y = sample.hu.shape[1] // 2
        title = f'{options.first + column} {sample.plan.tissues.phase}{" plain" if sample.plan.plain else ""} {sample.plan.tissues.liver:.0f}'
        for row in range(4):
            axes = rows[row][column]
            axes.title.set_color('white')
            if row == 0:
                draw_slice(axes, sample.hu[z], np.zeros_like(sample.labels[z]), title)
            elif row == 1:
                draw_slice(axes, sample.hu[z], sample.labels[z], f'z {z}')
            elif row == 2:
                draw_slice(axes, sample.hu[::-1, y], sample.labels[::-1, y], f'y {y}')
            else:
                other = max(0, z - 12)
                draw_slice(axes, sample.hu[other], sample.labels[other], f'z {other}')
    figure.tight_layout()
    figure.savefig(options.out, dpi=80)


if __name__ == '__main__':
    main()
