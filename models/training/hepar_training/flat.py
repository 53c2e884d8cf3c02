"""The U-Net written with 2D convolutions: depth becomes the batch axis and a gather stacks three slices as channels.

Same weights, same result, batch norm folded in; ONNX Runtime's 2D kernels are blocked and its 3D convolution is not, so
a CPU takes about two thirds of the time. The shape of the window is fixed."""
from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .networks import UNet, to_fine


class FlatConv(nn.Module):
    """A 3x3x3 convolution on [Z, C, Y, X] slices."""

    def __init__(self, conv: nn.Conv3d, depth: int):
        super().__init__()
        weight, self.stride = conv.weight.detach(), conv.stride[0]
        self.conv = nn.Conv2d(3 * conv.in_channels, conv.out_channels, 3, self.stride, 1)
        self.conv.weight.data = torch.cat([weight[:, :, k] for k in range(3)], 1).contiguous()
        self.conv.bias.data = conv.bias.detach().clone()
        # Slice `depth` is an extra one of zeros: the padding above and below.
        neighbours = [(z + k) if 0 <= z + k < depth else depth for z in range(0, depth, self.stride) for k in (-1, 0, 1)]
        self.register_buffer('neighbours', torch.tensor(neighbours))
        self.register_buffer('zero', torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels, height, width = (int(n) for n in x.shape[1:])
        padded = torch.cat([x, self.zero.expand(1, channels, height, width)], 0)
        return self.conv(padded.index_select(0, self.neighbours).reshape(len(self.neighbours) // 3, 3 * channels, height, width))


def _flat_block(block: nn.Sequential, depth: int) -> nn.Sequential:
    return nn.Sequential(FlatConv(fuse_conv_bn_eval(block[0], block[1]), depth), nn.ReLU())


def _point(conv: nn.Conv3d) -> nn.Conv2d:
    flat = nn.Conv2d(conv.in_channels, conv.out_channels, 1)
    flat.weight.data, flat.bias.data = conv.weight.detach()[:, :, 0].clone(), conv.bias.detach().clone()
    return flat


def _flat_stem(stem: nn.Sequential) -> nn.Sequential:
    """The 2x2x2 convolution of stride 2: two slices become the channels of one."""
    conv = fuse_conv_bn_eval(stem[0], stem[1])
    flat = nn.Conv2d(2, conv.out_channels, 2, 2)
    flat.weight.data, flat.bias.data = conv.weight.detach()[:, 0].clone(), conv.bias.detach().clone()
    return nn.Sequential(flat, nn.ReLU())


class FlatUNet(nn.Module):
    """As UNet for one window of one fixed shape: [1, 1, Z, Y, X] -> (logits [1, classes, Z, Y, X],), and of patches."""

    def __init__(self, net: UNet, shape_zyx: tuple[int, int, int]):
        super().__init__()
        self.shape, self.stem = net.shape, nn.Sequential()
        if net.shape.stem == 2:
            self.stem = _flat_stem(net.stem)
        depths = [shape_zyx[0] // net.shape.stem >> level for level in range(len(net.down))]
        self.down = nn.ModuleList()
        for level, pair in enumerate(net.down):
            self.down.append(nn.Sequential(_flat_block(pair[0], depths[max(level - 1, 0)]), _flat_block(pair[1], depths[level])))
        self.bottom = _flat_block(net.bottom, depths[-1])
        self.narrow = nn.ModuleList(_point(conv) for conv in net.narrow)
        self.up = nn.ModuleList(_flat_block(up, depths[k]) for k, up in enumerate(net.up))
        self.head = _point(net.head)
        if net.shape.presence:
            self.presence = _point(net.presence)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        _, _, depth, height, width = (int(n) for n in x.shape)
        stem = self.shape.stem
        x = self.stem(x.reshape(depth // stem, stem, height, width))
        kept = []
        for level in self.down:
            x = level(x)
            kept.append(x)
        x = self.bottom(x)
        presence = (self.presence(x).permute(1, 0, 2, 3)[None],) if self.shape.presence else ()
        for k in reversed(range(len(self.up))):
            x = F.interpolate(self.narrow[k](x), scale_factor=2, mode='nearest')
            slices, channels, rows, columns = (int(n) for n in x.shape)
            x = x.reshape(slices, 1, channels, rows, columns).expand(slices, 2, channels, rows, columns).reshape(2 * slices, channels, rows, columns)
            x = self.up[k](torch.cat([x, kept[k]], 1))
        x = self.head(x) if stem == 1 else to_fine(self.head(x))
        return (x.permute(1, 0, 2, 3).reshape(1, -1, depth, height, width), *presence)


class FusedUNet(nn.Module):
    """The 3D form with batch norm folded into the convolutions, for GPUs: no ConvTranspose3d, which WebGPU cannot run."""

    def __init__(self, net: UNet):
        super().__init__()
        self.shape = net.shape
        fold = lambda block: nn.Sequential(fuse_conv_bn_eval(block[0], block[1]), nn.ReLU())  # noqa: E731
        self.down = nn.ModuleList(nn.Sequential(fold(pair[0]), fold(pair[1])) for pair in net.down)
        self.bottom, self.narrow, self.head = fold(net.bottom), net.narrow, net.head
        self.up = nn.ModuleList(fold(up) for up in net.up)
        if net.shape.stem == 2:
            self.stem = fold(net.stem)
        if net.shape.presence:
            self.presence = net.presence

    forward = UNet.forward
