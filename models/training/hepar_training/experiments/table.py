"""experiments.csv: one line a row of the comparison, in the order of the design."""
from __future__ import annotations

import csv
import fcntl
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

from .design import Row, rows
from .families import FamilyNet, multiply_adds, parameters
from .run import Outcome, epochs

PATH = Path('experiments.csv')
FIELDS = (
    'row', 'task', 'family', 'params', 'gmac_window', 'lr', 'l2', 'epochs', 'iterations', 'patch', 'warm_start', 'seed',
    'liver_dice', 'lesion_dice', 'lesion_dice_block', 'presence_auc', 'seconds', 'seconds_iteration', 'volumes', 'code',
)  # fmt: skip


def code_version() -> str:
    """The commit of the code that runs, marked where the code differs from it."""
    git = ['git', '-C', str(Path(__file__).parent)]
    commit = subprocess.run([*git, 'rev-parse', '--short=9', 'HEAD'], capture_output=True, text=True).stdout.strip() or 'unknown'
    changed = subprocess.run([*git, 'status', '--porcelain', '--', '..'], capture_output=True, text=True).stdout.strip()
    return f'{commit}+changes' if changed else commit


def read(path: Path = PATH) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


@contextmanager
def held(path: Path):
    """Only one process at a time writes the table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def line(row: Row, outcome: Outcome, volumes: str, code: str) -> dict[str, str]:
    network = FamilyNet(row.family)
    figure = lambda value, digits: '' if value is None else f'{value:.{digits}f}'  # noqa: E731
    return {
        'row': row.name,
        'task': row.task,
        'family': row.family,
        'params': str(parameters(network)),
        'gmac_window': f'{multiply_adds(network) / 1e9:.4f}',
        'lr': f'{row.rate:g}',
        'l2': f'{row.l2:g}',
        'epochs': f'{epochs(row):.2f}',
        'iterations': str(row.iterations),
        'patch': str(row.patch),
        'warm_start': row.source.name if row.warm else '',
        'seed': str(row.seed),
        'liver_dice': figure(outcome.liver_dice, 4),
        'lesion_dice': figure(outcome.lesion_dice, 4),
        'lesion_dice_block': figure(outcome.lesion_dice_block, 4),
        'presence_auc': figure(outcome.presence_auc, 4),
        'seconds': figure(outcome.seconds, 1),
        'seconds_iteration': figure(outcome.seconds_an_iteration, 4),
        'volumes': volumes,
        'code': code,
    }


def add(new: dict[str, str], work: Path, path: Path = PATH) -> None:
    """Writes the line in its place; one of the same row is replaced."""
    with held(work / 'table.lock'):
        lines = {old['row']: old for old in read(path)} | {new['row']: new}
        order = {row.name: n for n, row in enumerate(rows())}
        unfinished = path.with_name(f'.{path.name}')
        with unfinished.open('w', newline='') as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator='\n')
            writer.writeheader()
            writer.writerows(sorted(lines.values(), key=lambda entry: order.get(entry['row'], len(order))))
        os.replace(unfinished, path)
