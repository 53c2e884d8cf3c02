"""A 3D U-Net of convolution, batch norm and ReLU: only operators that every ONNX Runtime provider has."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    """Channels at each resolution, finest first, each level half the grid of the one before; with `stem` 2 the finest
    level already has half the resolution of the scan, which costs a fourth of the time and shows twice as much. With
    `presence` the coarsest features also say of each of their cells whether its patch of the scan holds lesion."""

    classes: int
    widths: tuple[int, ...]
    stem: int = 1
    presence: bool = False

    @property
    def patch_voxels(self) -> int:
        """Edge of the cube of voxels that one cell of the coarsest level stands for."""
        return self.stem * 2 ** (len(self.widths) - 1)


SHAPES = {'locate': Shape(4, (16, 48, 80, 112), stem=2), 'segment': Shape(4, (32, 64, 96, 96), stem=2, presence=True)}


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


def to_fine(x: torch.Tensor) -> torch.Tensor:
    """Depth to space: slices [Z, (dz, class, dy, dx), Y, X] -> [2 Z, class, 2 Y, 2 X]."""
    channels = int(x.shape[1])
    return F.pixel_shuffle(x.reshape(-1, channels // 2, *x.shape[2:]), 2)


class UNet(nn.Module):
    """[N, 1, Z, Y, X] -> (logits [N, classes, Z, Y, X],), and with a presence head also the logits
    [N, 1, Z / patch, Y / patch, X / patch] that a patch holds lesion. Z, Y and X are multiples of `patch_voxels`."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape, widths = shape, shape.widths
        inputs = 1
        if shape.stem == 2:
            self.stem = nn.Sequential(nn.Conv3d(1, widths[0], 2, 2, bias=False), nn.BatchNorm3d(widths[0]), nn.ReLU(inplace=True))
            inputs = widths[0]
        self.down = nn.ModuleList()
        for level, width in enumerate(widths):
            self.down.append(nn.Sequential(block(inputs, width, 1 if level == 0 else 2), block(width, width)))
            inputs = width
        self.bottom = block(widths[-1], widths[-1])
        self.narrow = nn.ModuleList(nn.Conv3d(widths[k + 1], widths[k], 1) for k in range(len(widths) - 1))
        self.up = nn.ModuleList(block(2 * widths[k], widths[k]) for k in range(len(widths) - 1))
        self.head = nn.Conv3d(widths[0], shape.classes * shape.stem**3, 1)
        if shape.presence:
            self.presence = nn.Conv3d(widths[-1], 1, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self.shape.stem == 2:
            x = self.stem(x)
        kept = []
        for level in self.down:
            x = level(x)
            kept.append(x)
        x = self.bottom(x)
        presence = (self.presence(x),) if self.shape.presence else ()
        for k in reversed(range(len(self.up))):
            x = F.interpolate(self.narrow[k](x), scale_factor=2, mode='nearest')
            x = self.up[k](torch.cat([x, kept[k]], 1))
        x = self.head(x)
        if self.shape.stem == 1:
            return (x, *presence)
        # The number of windows, and their size, may stay open when the network is exported.
        channels, (depth, height, width) = int(x.shape[1]), x.shape[2:]
        fine = to_fine(x.permute(0, 2, 1, 3, 4).reshape(-1, channels, height, width))
        return (fine.reshape(-1, 2 * depth, self.shape.classes, 2 * height, 2 * width).permute(0, 2, 1, 3, 4), *presence)


def make(stage: str) -> UNet:
    return UNet(SHAPES[stage])
