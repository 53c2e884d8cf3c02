"""Chooses the post-processing thresholds from the rows of the tuning scans, measured with loose rules."""
from __future__ import annotations

from itertools import product
from statistics import mean, median

LOOSE = {'keepLargestLiver': True, 'fillHolesMl': 20, 'leastLesionMl': 0.03, 'leastLesionConfidence': 0.3, 'leastInsideLiver': 0.0}
_ML, _CONFIDENCE, _INSIDE = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5), (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9), (0.0, 0.25, 0.5, 0.7)


def count(rows: list[dict], ml: float, confidence: float, inside: float) -> tuple[int, int, int]:
    """(true lesions marked, false ones, lesion-free livers with a false one) that pass the rules."""
    kept = [[m for m in r['marked'] if not m['hidden'] and m['ml'] >= ml and m['confidence'] >= confidence and m['inside'] >= inside] for r in rows]
    false = [sum(not m['true'] for m in marks) for marks in kept]
    return sum(m['true'] for marks in kept for m in marks), sum(false), sum(f > 0 for f, r in zip(false, rows) if r['lesion_free'])


def print_choice(rows: list[dict], own: dict) -> None:
    """The model's `own` rules, and all in the order of what they are worth: a lesion found counts one, a false one takes one away."""
    every = [(true - false, true, false, free, rules) for rules in product(_ML, _CONFIDENCE, _INSIDE) for true, false, free in [count(rows, *rules)]]
    liver, located = [r['liver_dice'] for r in rows], [r['located_dice'] for r in rows]
    print(f'liver Dice mean {mean(liver):.3f}, median {median(liver):.3f}, least {min(liver):.3f}; of stage 1 alone mean {mean(located):.3f}, least {min(located):.3f}')
    print(f'{len(rows)} scans, {sum(r["lesion_free"] for r in rows)} without lesions, {sum(len(r["truth"]) for r in rows)} lesions')
    true, false, free = count(rows, own['leastLesionMl'], own['leastLesionConfidence'], own['leastInsideLiver'])
    print(f"the model's own rules: {true} true, {false} false, {free} lesion-free livers with a false one")
    for worth, true, false, free, (ml, confidence, inside) in sorted(every, key=lambda e: (-e[0], e[2]))[:12]:
        print(f'at least {ml} ml, confidence {confidence}, {inside} inside: {true} true, {false} false, {free} lesion-free livers with a false one (worth {worth})')
