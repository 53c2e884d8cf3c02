"""Three families of encoders in one network: the stem, the decoder and both heads are the same, and so is the cost.

Every level of an encoder takes the features of the level above and gives as many as the decoder expects. What a family is
free in, its inner width, is chosen so that all networks multiply and add equally often."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ..networks import block, to_fine

CLASSES = 3
WIDTHS = (16, 32, 48)
STEM = 2
PATCH_VOXELS = STEM * 2 ** (len(WIDTHS) - 1)


def _step_down(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """A convolution that does no more than change the resolution and the number of features."""
    return nn.Sequential(nn.Conv3d(inputs, outputs, stride, stride, bias=False), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


class Vgg(nn.Sequential):
    """Two plain 3x3x3 convolutions (Simonyan and Zisserman, 2015)."""

    INNER = (16, 32, 48)

    def __init__(self, inputs: int, outputs: int, inner: int, stride: int):
        super().__init__(block(inputs, inner, stride), block(inner, outputs))


class _Residual(nn.Module):
    def __init__(self, width: int, inner: int):
        super().__init__()
        self.change = nn.Sequential(block(width, inner), nn.Conv3d(inner, width, 3, 1, 1, bias=False), nn.BatchNorm3d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.change(x))


class ResNet(nn.Sequential):
    """Two units of two 3x3x3 convolutions each, whose result is added to their input (He et al., 2016)."""

    INNER = (8, 11, 17)

    def __init__(self, inputs: int, outputs: int, inner: int, stride: int):
        super().__init__(_step_down(inputs, outputs, stride), _Residual(outputs, inner), _Residual(outputs, inner))


class DenseNet(nn.Module):
    """Four 3x3x3 convolutions, each of all features before it, and a 1x1x1 convolution (Huang et al., 2017)."""

    INNER = (7, 10, 16)
    LAYERS = 4

    def __init__(self, inputs: int, outputs: int, inner: int, stride: int):
        super().__init__()
        first = outputs // 2
        self.first = nn.Conv3d(inputs, first, stride, stride, bias=False)
        before = [first + inner * k for k in range(self.LAYERS + 1)]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm3d(n), nn.ReLU(inplace=True), nn.Conv3d(n, inner, 3, 1, 1, bias=False)) for n in before[:-1]
        )
        self.last = nn.Sequential(nn.BatchNorm3d(before[-1]), nn.ReLU(inplace=True), nn.Conv3d(before[-1], outputs, 1, bias=False), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for layer in self.layers:
            x = torch.cat([x, layer(x.clone())], 1)
        return self.last(x)


FAMILIES = {'vgg': Vgg, 'resnet': ResNet, 'densenet': DenseNet}


class FamilyNet(nn.Module):
    """[N, 1, Z, Y, X] -> (logits [N, CLASSES, Z, Y, X], logits that a patch of PATCH_VOXELS holds lesion)."""

    def __init__(self, family: str):
        super().__init__()
        kind = FAMILIES[family]
        stem = _step_down(1, WIDTHS[0], STEM)
        levels = [kind(WIDTHS[max(k - 1, 0)], width, kind.INNER[k], 1 if k == 0 else 2) for k, width in enumerate(WIDTHS)]
        self.encoder = nn.ModuleList([stem, *levels])
        self.narrow = nn.ModuleList(nn.Conv3d(WIDTHS[k + 1], WIDTHS[k], 1) for k in range(len(WIDTHS) - 1))
        self.up = nn.ModuleList(block(2 * WIDTHS[k], WIDTHS[k]) for k in range(len(WIDTHS) - 1))
        self.head = nn.Conv3d(WIDTHS[0], CLASSES * STEM**3, 1)
        self.presence = nn.Conv3d(WIDTHS[-1], 1, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.encoder[0](x)
        kept = []
        for level in self.encoder[1:]:
            x = level(x)
            kept.append(x)
        presence = self.presence(x)
        for k in reversed(range(len(self.up))):
            x = self.up[k](torch.cat([F.interpolate(self.narrow[k](x), scale_factor=2, mode='nearest'), kept[k]], 1))
        x = self.head(x)
        count, channels, depth, height, width = x.shape
        fine = to_fine(x.permute(0, 2, 1, 3, 4).reshape(count * depth, channels, height, width))
        return fine.reshape(count, 2 * depth, CLASSES, 2 * height, 2 * width).permute(0, 2, 1, 3, 4), presence


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def multiply_adds(network: nn.Module, edge: int = 32) -> int:
    """Of the convolutions, for one window of edge^3 voxels."""
    total, hooks = [0], []

    def count(layer: nn.Conv3d, _inputs, output: torch.Tensor) -> None:
        total[0] += layer.weight.numel() * output[0, 0].numel()

    hooks = [layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, nn.Conv3d)]
    training = network.training
    with torch.no_grad():
        network.eval()(torch.zeros(1, 1, edge, edge, edge))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return total[0]
