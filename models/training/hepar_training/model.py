"""Both stages ready for inference, from checkpoints or from a released folder, with what their manifest says."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from .manifest import LEAST_LIVER_ML, MARGIN_MM, OVERLAP, POSTPROCESSING, WINDOW_ZYX
from .networks import Shape, UNet
from .warm_start import load_released, shape_of

Triple = tuple[int, int, int]


@dataclass
class Stage:
    net: UNet
    spacing_mm: float
    window_zyx: Triple
    overlap: float


@dataclass
class Model:
    name: str
    locate: Stage
    segment: Stage
    least_liver_ml: float
    margin_mm: float
    postprocessing: dict


def load_network(stage: str, work: Path) -> tuple[UNet, float]:
    """The averaged weights of the last checkpoint, and the spacing in mm that they were trained on."""
    saved = torch.load(work / f'{stage}.pt', map_location='cpu')
    net = UNet(Shape(**saved['shape']))
    net.load_state_dict(saved['average'])
    return net.eval(), float(saved['spacing_mm'])


def from_checkpoints(work: Path) -> Model:
    stages = {}
    for stage in ('locate', 'segment'):
        net, spacing = load_network(stage, work)
        stages[stage] = Stage(net, spacing, WINDOW_ZYX[stage], OVERLAP[stage])
    return Model(work.name, stages['locate'], stages['segment'], LEAST_LIVER_ML, MARGIN_MM, POSTPROCESSING)


def from_release(folder: Path) -> Model:
    """The networks of a released folder (its flat files) in PyTorch."""
    manifest = json.loads((folder / 'manifest.json').read_text())
    cascade, stages = manifest['cascade'], {}
    for stage in ('locate', 'segment'):
        said = cascade[stage]
        net = UNet(shape_of(folder / said['file'], len(said['channels'])))
        load_released(net, folder / said['file'])
        stages[stage] = Stage(net.eval(), float(said['spacingMm'][0]), tuple(said['windowVoxels'][::-1]), float(said['overlap']))
    name = f'{manifest["id"]} {manifest["version"]}'
    return Model(name, stages['locate'], stages['segment'], cascade['leastLiverMl'], cascade['marginMm'], manifest['postprocessing'])


def load(folder: Path) -> Model:
    return from_release(folder) if (folder / 'manifest.json').exists() else from_checkpoints(folder)
