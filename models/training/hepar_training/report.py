"""Sums up the rows of an evaluation: one row a scan, as evaluate.py writes them."""
from __future__ import annotations

import numpy as np

SIZES_MM = ((0, 5), (5, 10), (10, 15), (15, 25), (25, 1000))
CONTRASTS_TO_NOISE = ((0, 1.2), (1.2, 2), (2, 3), (3, 1000))
CONFIDENCES = ((0.0, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01))


def _line(name: str, value: str) -> None:
    print(f'{name:44} {value}')


def _found(group: list[dict]) -> str:
    return f'{sum(t["found"] for t in group)} of {len(group)}'


def _spread(values) -> str:
    values = np.array([v for v in values if np.isfinite(v)])
    return f'mean {values.mean():.3f}, median {np.median(values):.3f}, 10th percentile {np.percentile(values, 10):.3f}' if values.size else 'none'


def print_livers(rows: list[dict]) -> None:
    dices = [r['liver_dice'] for r in rows]
    _line('liver Dice', f'{_spread(dices)}, least {min(dices):.3f}')
    _line('liver Dice of stage 1 alone', _spread([r['located_dice'] for r in rows]))
    _line('mean surface distance, mm', _spread([r['surface_mm'] for r in rows]))
    _line('95th percentile of surface distance, mm', _spread([r['surface95_mm'] for r in rows]))
    for phase in sorted({r['phase'] for r in rows}):
        _line(f'liver Dice, {phase}', _spread([r['liver_dice'] for r in rows if r['phase'] == phase]))


def print_lesions(rows: list[dict]) -> None:
    truth, marked = [t for r in rows for t in r['truth']], [m for r in rows for m in r['marked'] if not m['hidden']]
    for low, high in SIZES_MM:
        _line(f'lesions of {low} to {high} mm found', _found([t for t in truth if low <= t['diameter_mm'] < high]))
    large = [t for t in truth if t['diameter_mm'] >= 10]
    _line('lesions of 10 mm and more found', f'{_found(large)} ({sum(t["found"] for t in large) / max(1, len(large)):.2f})')
    for low, high in CONTRASTS_TO_NOISE:
        _line(f'of these with a contrast of {low} to {high} times the noise', _found([t for t in large if low <= t['contrast_to_noise'] < high]))
    for kind in sorted({t['kind'] for t in truth}):
        group = [t for t in large if t['kind'] == kind]
        small = [t for t in truth if t['kind'] == kind and t['diameter_mm'] < 10]
        _line(f'{kind}: 10 mm and more, smaller', f'{_found(group)}, {_found(small)}')
    for low, high in SIZES_MM:
        group = [m for m in marked if low <= 2 * (m['ml'] * 750 / np.pi) ** (1 / 3) < high]
        if group:
            _line(f'of those marked with {low} to {high} mm, true', f'{sum(m["true"] for m in group)} of {len(group)}')
    _line('of all that were marked, true', f'{sum(m["true"] for m in marked)} of {len(marked)}')
    _line('lesion Dice, scans with lesions', _spread([r['lesion_dice'] for r in rows if r['truth']]))
    false = [sum(not m['true'] and not m['hidden'] for m in r['marked']) for r in rows]
    _line('false lesions a scan', f'mean {np.mean(false):.2f}, most {max(false)}')
    free = [f for f, r in zip(false, rows) if r['lesion_free']]
    if free:
        _line('lesion-free livers: false lesions, share', f'mean {np.mean(free):.2f}, {sum(f > 0 for f in free)} of {len(free)} have one')


def print_calibration(rows: list[dict]) -> None:
    """Confidence against how often it was right; the expected calibration error weighs the bands by their size."""
    marked = [m for r in rows for m in r['marked'] if not m['hidden']]
    error = 0.0
    for low, high in CONFIDENCES:
        group = [m for m in marked if low <= m['confidence'] < high]
        if group:
            said, was = np.mean([m['confidence'] for m in group]), np.mean([m['true'] for m in group])
            error += len(group) / len(marked) * abs(said - was)
            _line(f'confidence {low:.1f} to {min(high, 1):.1f}', f'{len(group)} lesions, mean {said:.2f}, true {was:.2f}')
    if marked:
        _line('expected calibration error', f'{error:.3f}')


def print_refusals(rows: list[dict], which: str) -> None:
    _line(f'{which}-only scans refused', f'{sum(r["refused"] for r in rows)} of {len(rows)}; most liver seen {max(r["located_ml"] for r in rows):.0f} ml')


def print_report(rows: list[dict]) -> None:
    test = [r for r in rows if r['which'] in ('test', 'tuning')]
    if test:
        print(f'{len(test)} synthetic abdomens')
        print_livers(test)
        print_lesions(test)
        print_calibration(test)
    for which in ('chest', 'pelvis'):
        group = [r for r in rows if r['which'] == which]
        if group:
            print_refusals(group, which)
