"""The rows of the comparison: a star around one centre for each family, so that every row answers a question."""
from __future__ import annotations

from dataclasses import dataclass, replace

from .families import FAMILIES

# Crops an iteration, so that every patch size sees about as many voxels.
CROPS = {16: 10, 24: 3, 32: 1}


@dataclass(frozen=True)
class Row:
    """One run. `task` 'liver' only makes the encoder that the warm rows begin with."""

    family: str
    rate: float = 6e-3
    l2: float = 1e-4
    iterations: int = 160
    patch: int = 16
    warm: bool = False
    seed: int = 1
    task: str = 'lesion'

    @property
    def name(self) -> str:
        """What differs from the centre, then the seed: 'vgg-rate0.0015-s1'."""
        centre, parts = Row(self.family), [self.family]
        if self.task != centre.task:
            parts.append(self.task)
        for field, word in (('rate', 'rate'), ('l2', 'l2-'), ('iterations', 'it'), ('patch', 'patch')):
            if getattr(self, field) != getattr(centre, field):
                parts.append(f'{word}{getattr(self, field):g}')
        return '-'.join([*parts, *(['warm'] if self.warm else []), f's{self.seed}'])

    @property
    def source(self) -> Row:
        """The run on the liver task whose encoder a warm row begins with."""
        return Row(self.family, seed=self.seed, task='liver')


def rows() -> list[Row]:
    """In the order in which they are run: what matters most comes first, the families take turns."""
    star = []
    for seed in (1, 2):
        star += [dict(seed=seed), dict(seed=seed, task='liver'), dict(seed=seed, warm=True)]
    star += [dict(rate=1.5e-3), dict(rate=2.4e-2), dict(patch=24), dict(patch=32)]
    star += [dict(l2=0.0), dict(l2=3e-3), dict(iterations=80), dict(seed=3)]
    star += [dict(rate=1.5e-3, warm=True), dict(rate=2.4e-2, warm=True)]
    star += [dict(iterations=320, seed=seed) for seed in (1, 2)]
    return [replace(Row(family), **change) for change in star for family in FAMILIES]


def find(name: str) -> Row:
    """@throws SystemExit with what there is when no row has that name"""
    for row in rows():
        if row.name == name:
            return row
    raise SystemExit(f"no row is called '{name}'; `list` prints their names")
