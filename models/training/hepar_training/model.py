"""Both stages ready for inference, from checkpoints or from a released folder, with what their manifest says."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from .losses import CROSS_ENTROPY
from .manifest import LARGER_WINDOWS, LEAST_LIVER_ML, LOCATE_SHARE, MARGIN_MM, OVERLAP, POSTPROCESSING, WINDOW_ZYX
from .networks import Shape, UNet
from .scene import LESION
from .warm_start import load_released, shape_of

Triple = tuple[int, int, int]

# How many times too likely a lesion still is without its weight in the cross entropy: the loss's Dice asks for large ones too.
# Chosen by the Dice of lesions on the tuning scans.
LESION_OVERSTATED = 2.0


@dataclass
class Stage:
    net: UNet
    spacing_mm: float
    window_zyx: Triple
    overlap: float
    larger_windows: dict | None = None
    """Of the manifest: windows may be larger, in steps of `stepVoxels`, up to `mostVoxels` in all."""


@dataclass
class Model:
    name: str
    locate: Stage
    segment: Stage
    least_liver_ml: float
    margin_mm: float
    postprocessing: dict
    locate_share: float = 0


def load_network(stage: str, work: Path) -> tuple[UNet, float]:
    """The averaged weights of the last checkpoint, and the spacing in mm that they were trained on."""
    saved = torch.load(work / f'{stage}.pt', map_location='cpu')
    net = UNet(Shape(**saved['shape']))
    net.load_state_dict(saved['average'])
    return net.eval(), float(saved['spacing_mm'])


def without_class_weights(net: UNet) -> UNet:
    """A segmenting network, in place, whose probabilities are free of the weights that its loss gave the classes: they make a
    class of weight w look w times as likely. So a lesion, of weight 3 and more, would be drawn too large."""
    shape = net.shape
    weights = torch.tensor(CROSS_ENTROPY['segment'][: shape.classes]).reshape(1, -1, 1, 1)
    weights[:, LESION] *= LESION_OVERSTATED
    # Depth to space: of each slice of a cell, the classes of its rows and columns.
    bias = net.head.bias.data.reshape(shape.stem, shape.classes, shape.stem, shape.stem)
    net.head.bias.data = (bias - weights.log()).reshape(-1)
    return net


def load_for_use(stage: str, work: Path) -> tuple[UNet, float]:
    """The network of the last checkpoint as it is evaluated and released, and the spacing in mm that it was trained on."""
    net, spacing_mm = load_network(stage, work)
    return (without_class_weights(net) if stage == 'segment' else net), spacing_mm


def from_checkpoints(work: Path) -> Model:
    stages = {}
    for stage in ('locate', 'segment'):
        net, spacing = load_for_use(stage, work)
        stages[stage] = Stage(net, spacing, WINDOW_ZYX[stage], OVERLAP[stage], LARGER_WINDOWS.get(stage))
    return Model(work.name, stages['locate'], stages['segment'], LEAST_LIVER_ML, MARGIN_MM, POSTPROCESSING, LOCATE_SHARE)


def from_release(folder: Path) -> Model:
    """The networks of a released folder (its flat files) in PyTorch."""
    manifest = json.loads((folder / 'manifest.json').read_text())
    cascade, stages = manifest['cascade'], {}
    for stage in ('locate', 'segment'):
        said = cascade[stage]
        net = UNet(shape_of(folder / said['file'], len(said['channels'])))
        load_released(net, folder / said['file'])
        stages[stage] = Stage(net.eval(), float(said['spacingMm'][0]), tuple(said['windowVoxels'][::-1]), float(said['overlap']), said.get('largerWindows'))
    name = f'{manifest["id"]} {manifest["version"]}'
    return Model(name, stages['locate'], stages['segment'], cascade['leastLiverMl'], cascade['marginMm'], manifest['postprocessing'], cascade.get('locateShare', 0))


def load(folder: Path) -> Model:
    return from_release(folder) if (folder / 'manifest.json').exists() else from_checkpoints(folder)
