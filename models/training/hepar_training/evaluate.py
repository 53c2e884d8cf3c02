"""Measures the two stages together, on what they were never trained on.

    python3 -m hepar_training.evaluate release [--model DIR] [--count 60] [--data DIR]   everything the card says
    python3 -m hepar_training.evaluate tuning                      thresholds, on scans with seeds of their own
    python3 -m hepar_training.evaluate PATH --png OUT.png          a DICOM folder or a NIfTI file: volumes, and a sheet to look at
    python3 -m hepar_training.evaluate FOLDER --phantom            the folder that `hepar phantom --out FOLDER` wrote, against its truth
    python3 -m hepar_training.evaluate PATH --truth LABELS.nii.gz --liver 5     with a reference mask of the liver

`--model` is a released folder, or a folder of checkpoints (default: that of `--work`). `release` and `tuning` keep a row
for each scan beside the scans, so that a run that was stopped goes on. `--data` holds the public CTs, where there are any.
"""
from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from . import held_out, public_ct, report, sheets, tuning
from .cascade import segment_scan
from .ct_files import read, read_dicom
from .held_out import HeldOut
from .model import Model, load
from .scoring import dice, liver_of, marked_lesions, surface_distances, true_lesions


def row_of(which: str, given: HeldOut, model: Model, rules: dict | None, true_liver: bool) -> tuple[dict, object]:
    """What is measured of one scan, and the result it was measured on."""
    result = segment_scan(given.scan, model, rules, liver_of(given.labels) if true_liver else None)
    spacing = given.scan.spacing_mm
    ml = float(np.prod(spacing)) / 1000
    row = dict(which=which, seed=given.seed, phase=given.phase, located_ml=float(result.located.sum() * ml), refused=not (result.labels > 0).any())
    if which in ('chest', 'pelvis'):
        return row, result
    liver, found = liver_of(given.labels), result.labels > 0
    mean, far = surface_distances(found, liver, spacing[::-1])
    row.update(
        liver_dice=dice(found, liver), located_dice=dice(result.located, liver), surface_mm=mean, surface95_mm=far,
        lesion_dice=dice(result.labels == 2, given.labels == 2), lesion_free=not (given.lesion_numbers > 0).any(),
        truth=[asdict(t) for t in true_lesions(result.labels == 2, given)],
        marked=[asdict(m) for m in marked_lesions(result.labels, result.lesion_probability, given.labels, ml)],
    )  # fmt: skip
    return row, result


def measure(which: str, model: Model, rules: dict | None, folder: Path, true_liver: bool, index: int) -> dict:
    """The row of one scan, in a process of its own."""
    torch.set_num_threads(1)
    return row_of(which, held_out.kept(which, index, folder), model, rules, true_liver)[0]


def rows_of(which: str, count: int, model: Model, options: argparse.Namespace, rules: dict | None = None) -> list[dict]:
    """One row a scan, read from the file of an earlier run where it has them."""
    name = model.name.replace(' ', '-') + ('-true-liver' if options.true_liver else '')
    path = options.work / f'evaluation-{which}-{name}.jsonl'
    rows = {row['seed']: row for row in map(json.loads, path.read_text().splitlines())} if path.exists() and not options.again else {}
    missing = [index for index in range(count) if held_out.FIRST_SEED[which] + index not in rows]
    if missing:
        with path.open('a' if rows else 'w') as file, get_context('spawn').Pool(min(options.workers, len(missing))) as processes:
            for row in processes.imap(partial(measure, which, model, rules, options.work / 'held-out', options.true_liver), missing):
                rows[row['seed']] = row
                print(json.dumps(row), file=file, flush=True)
    return [rows[held_out.FIRST_SEED[which] + index] for index in range(count)]


def evaluate_release(options: argparse.Namespace, model: Model) -> None:
    start = time.time()
    rows = [row for which in ('test', 'chest', 'pelvis') for row in rows_of(which, min(options.count, held_out.COUNT[which]), model, options)]
    print(f'{model.name}: stage 1 on {model.locate.spacing_mm:g} mm, stage 2 on {model.segment.spacing_mm:g} mm{", in the true liver" if options.true_liver else ""}')
    report.print_report(rows)
    if options.data:
        public_ct.print_all(options.data, model, options.sheets)
    test = [r for r in rows if r['which'] == 'test']
    if options.sheets and test:
        worst = sorted(test, key=lambda r: r['liver_dice'])[:3]
        busiest = sorted(test, key=lambda r: -sum(not m['true'] for m in r['marked']))[:3]
        sheets.draw_worst([('liver', r) for r in worst] + [('false lesions', r) for r in busiest], model, options.work / 'held-out', options.sheets)
    print(f'{time.time() - start:.0f} s')


def evaluate_tuning(options: argparse.Namespace, model: Model) -> None:
    rows = rows_of('tuning', min(options.count, held_out.COUNT['tuning']), model, options, tuning.LOOSE)
    tuning.print_choice(rows, model.postprocessing)


def evaluate_file(options: argparse.Namespace, model: Model) -> None:
    scan = read(Path(options.input))
    start = time.time()
    result = segment_scan(scan, model)
    ml = float(np.prod(scan.spacing_mm)) / 1000
    _, lesions = ndimage.label(result.labels == 2, np.ones((3, 3, 3)))
    print(f'{scan.hu.shape[::-1]} voxels of {tuple(round(s, 3) for s in scan.spacing_mm)} mm, {time.time() - start:.0f} s on one thread in PyTorch')
    print(f'stage 1 liver {result.located.sum() * ml:.0f} ml; liver {(result.labels > 0).sum() * ml:.0f} ml, {lesions} lesions of {(result.labels == 2).sum() * ml:.1f} ml')
    if options.truth:
        liver = np.isin(read(Path(options.truth)).hu, options.liver)
        print(f'reference liver {liver.sum() * ml:.0f} ml: Dice {dice(result.labels > 0, liver):.3f} (stage 1 {dice(result.located, liver):.3f})')
    if options.png:
        sheets.draw_sheet(scan, result, Path(options.png))


def evaluate_phantom(options: argparse.Namespace, model: Model) -> None:
    folder = Path(options.input)
    scan = read_dicom(folder / 'dicom')
    truth = np.fromfile(folder / 'truth.raw', np.uint8).reshape(scan.hu.shape)  # 0, 1 liver, 2... one number a lesion
    result = segment_scan(scan, model)
    ml = float(np.prod(scan.spacing_mm)) / 1000
    extra = sum(not m.true for m in marked_lesions(result.labels, result.lesion_probability, np.minimum(truth, 2), ml))
    print(f'liver Dice {dice(result.labels > 0, truth > 0):.3f} (stage 1 {dice(result.located, truth > 0):.3f}), lesion Dice {dice(result.labels == 2, truth > 1):.3f}, false {extra}')
    for number in range(2, int(truth.max()) + 1):
        lesion = truth == number
        diameter = 2 * (lesion.sum() * ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
        print(f'lesion of {diameter:.0f} mm: {(result.labels[lesion] == 2).mean():.2f} of it found')
    if options.png:
        sheets.draw_sheet(scan, result, Path(options.png))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('input', help='release, tuning, or a scan')
    parser.add_argument('--work', type=Path, default=Path('.data/training'))
    parser.add_argument('--model', type=Path)
    parser.add_argument('--count', type=int, default=60, help='scans of each kind, at most')
    parser.add_argument('--true-liver', action='store_true', help="stage 2 gets the true liver in place of stage 1's: shows what stage 1 costs")
    parser.add_argument('--again', action='store_true', help='measure scans again that have been')
    parser.add_argument('--workers', type=int, default=1, help='scans measured at once, each by a process')
    parser.add_argument('--data', type=Path, help='folder of public CTs')
    parser.add_argument('--sheets', type=Path, help='folder for pictures')
    parser.add_argument('--phantom', action='store_true')
    parser.add_argument('--png')
    parser.add_argument('--truth')
    parser.add_argument('--liver', type=int, nargs='+', default=[5])
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    model = load(options.model or options.work)
    if options.input == 'release':
        evaluate_release(options, model)
    elif options.input == 'tuning':
        evaluate_tuning(options, model)
    elif options.phantom:
        evaluate_phantom(options, model)
    else:
        evaluate_file(options, model)


if __name__ == '__main__':
    main()
