"""A 3D U-Net of convolution, batch norm and ReLU: only operators that every ONNX Runtime provider has."""
from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

# Channels at each resolution, finest first; each level halves the grid.
WIDTHS = {'locate': (8, 24, 48, 96), 'segment': (16, 32, 64, 96)}
CLASSES = {'locate': 4, 'segment': 3}


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


class UNet(nn.Module):
    """[N, 1, Z, Y, X] -> logits [N, classes, Z, Y, X]; Z, Y and X are multiples of 2 ** (levels - 1)."""

    def __init__(self, classes: int, widths: tuple[int, ...]):
        super().__init__()
        self.down = nn.ModuleList()
        inputs = 1
        for level, width in enumerate(widths):
            self.down.append(nn.Sequential(block(inputs, width, 1 if level == 0 else 2), block(width, width)))
            inputs = width
        self.bottom = block(widths[-1], widths[-1])
        self.narrow = nn.ModuleList(nn.Conv3d(widths[k + 1], widths[k], 1) for k in range(len(widths) - 1))
        self.up = nn.ModuleList(block(2 * widths[k], widths[k]) for k in range(len(widths) - 1))
        self.head = nn.Conv3d(widths[0], classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = []
        for level in self.down:
            x = level(x)
            kept.append(x)
        x = self.bottom(x)
        for k in reversed(range(len(self.up))):
            x = F.interpolate(self.narrow[k](x), scale_factor=2, mode='nearest')
            x = self.up[k](torch.cat([x, kept[k]], 1))
        return self.head(x)


def make(stage: str) -> UNet:
    return UNet(CLASSES[stage], WIDTHS[stage])
