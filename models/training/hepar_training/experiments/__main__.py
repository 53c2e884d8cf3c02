"""The comparison of encoder families, in `models/training`:

    python3 -m hepar_training.experiments list             the rows, with what is known of each
    python3 -m hepar_training.experiments run ROW          runs one row again and prints its line
    python3 -m hepar_training.experiments missing          runs all rows that experiments.csv lacks; may be stopped, and run twice at once
    python3 -m hepar_training.experiments plot             draws experiments.png, and writes the tables of experiments.md
"""
from __future__ import annotations

import argparse
import fcntl
from pathlib import Path

import torch

from . import summary, table
from .design import Row, find, rows
from .run import Material, encoder_file, run
from .volumes import digest, frozen


class Laboratory:
    """The frozen volumes, read once, and what is run on them."""

    def __init__(self, work: Path):
        self.work = work
        train, held_out = frozen('train', work), frozen('held-out', work)
        self.material, self.volumes = Material(train, held_out), digest(train, held_out)

    def run(self, row: Row) -> dict[str, str]:
        if row.warm and not encoder_file(row, self.work).exists():
            self.run(row.source)
        return table.line(row, run(row, self.material, self.work), self.volumes, table.code_version())


def show(line: dict[str, str]) -> None:
    print(', '.join(f'{field} {value}' for field, value in line.items() if value), flush=True)


def run_missing(work: Path) -> None:
    laboratory = Laboratory(work)
    (work / 'claims').mkdir(parents=True, exist_ok=True)
    for row in rows():
        with (work / 'claims' / row.name).open('w') as claim:
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # another process runs it
            if row.name in {line['row'] for line in table.read()}:
                continue
            if row.warm and not encoder_file(row, work).exists():
                continue  # another process runs what it begins with; the next call of this command comes back to it
            line = laboratory.run(row)
            table.add(line, work)
            show(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('command', choices=('list', 'run', 'missing', 'plot'))
    parser.add_argument('row', nargs='?')
    parser.add_argument('--work', type=Path, default=Path('.data/experiments'))
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == 'list':
        known = {line['row']: line for line in table.read()}
        for row in rows():
            show(known.get(row.name, {'row': row.name, 'not': 'run'}))
    elif options.command == 'run':
        if options.row is None:
            parser.error('run needs the name of a row; `list` prints them')
        show(Laboratory(options.work).run(find(options.row)))
    elif options.command == 'missing':
        run_missing(options.work)
    else:
        summary.main({line['row']: line for line in table.read()})


if __name__ == '__main__':
    main()
