"""Named sizes of a training run: channels, batch and crop.

A released file may have ten million bytes, which is two and a half million parameters: `gpu` fills that, and spends the
rest of what a GPU gives on larger batches and crops. `wide` has one larger crop in place of two at the same cost, for the end
of a training: the windows of inference are larger still. `narrow` and `broad` have half and 1.4 times the channels, to see what
the size of a network is worth. `tiny` is for trying the chain of commands."""
from __future__ import annotations

from dataclasses import dataclass, replace

from .crops import LOCATE_CROP_ZYX, SEGMENT_CROP_ZYX
from .networks import SHAPES, Shape


@dataclass(frozen=True)
class Size:
    batch: int
    crop_zyx: dict[str, tuple[int, int, int]]
    widths: dict[str, tuple[int, ...]]

    def shape(self, stage: str) -> Shape:
        return replace(SHAPES[stage], widths=self.widths[stage])


def _standard(channels: float = 1) -> Size:
    widths = {stage: tuple(2 * round(channels * width / 2) for width in shape.widths) for stage, shape in SHAPES.items()}
    return Size(2, {'locate': LOCATE_CROP_ZYX, 'segment': SEGMENT_CROP_ZYX}, widths)


SIZES = {
    'tiny': Size(2, {'locate': (32, 32, 32), 'segment': (32, 32, 32)}, {'locate': (4, 4, 8, 8), 'segment': (4, 8, 8, 8)}),
    'standard': _standard(),
    'narrow': _standard(0.5),
    'broad': _standard(1.4),
    'wide': Size(1, {'locate': LOCATE_CROP_ZYX, 'segment': (64, 80, 80)}, {stage: shape.widths for stage, shape in SHAPES.items()}),
    'gpu': Size(8, {'locate': (64, 80, 96), 'segment': (64, 96, 96)}, {'locate': (32, 64, 96, 112), 'segment': (34, 68, 102, 102)}),
}
