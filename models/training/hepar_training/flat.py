"""The U-Net written with 2D convolutions, for CPUs: the same weights with batch norm folded in, and the same result but
for rounding.

ONNX Runtime's 2D convolutions keep the channels in blocks, and are several times as fast as its 3D ones as long as nothing
between them needs plain order. So slices are kept apart by their phase: tensor r of n holds the slices r, r + n, r + 2n, …
as a batch, and the slices above and below all of them are tensors r - 1 and r + 1. Only at the first and the last of the n
must slices move within a tensor.

Two slices of a result at a time are made of sums and differences of the input's slices, which takes two thirds of the
multiplications of a kernel of three (Winograd's minimal filtering F(2, 3), along z; Lavin and Gray, CVPR 2016)."""
from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .networks import UNet

Phases = list[torch.Tensor]
"""[Z / n, C, Y, X] for each of n phases."""


class FlatConv(nn.Module):
    """A 3x3x3 convolution and ReLU, with zeros around the window."""

    def __init__(self, block: nn.Sequential):
        super().__init__()
        fused = fuse_conv_bn_eval(block[0], block[1])
        weight, self.stride = fused.weight.detach(), fused.stride[0]
        self.channels = fused.in_channels
        self.conv = nn.Conv2d(3 * fused.in_channels, fused.out_channels, 3, self.stride, 1)
        self.conv.weight.data = torch.cat([weight[:, :, k] for k in range(3)], 1).contiguous()
        self.conv.bias.data = fused.bias.detach().clone()

    def forward(self, phases: Phases, coarse: Phases | None = None) -> Phases:
        """With `coarse`, of half as many phases, those are repeated to the size of the others, and are the first channels."""
        if self.stride == 2 or len(phases) == 1:
            return self._slice_by_slice(phases)
        if coarse is None:
            return self._in_pairs([Pairs(phases, self._kernels(0, self.channels))])
        first = int(coarse[0].shape[1])
        return self._in_pairs([Pairs(phases, self._kernels(first, self.channels)), RepeatedPairs(coarse, self._kernels(0, first))])

    def _kernels(self, first: int, end: int) -> list[torch.Tensor]:
        """[out, end - first, y, x] for each slice of the kernel."""
        return [self.conv.weight[:, k * self.channels + first : k * self.channels + end] for k in range(3)]

    def _slice_by_slice(self, phases: Phases) -> Phases:
        above, centre, below = self._kernels(0, self.channels)
        results = []
        for r in range(0, len(phases), self.stride):
            result = _conv(phases[r], centre, self.conv.bias, self.stride)
            result = _conv(_at(phases, r - 1), above, None, self.stride) + result
            results.append(F.relu(_conv(_at(phases, r + 1), below, None, self.stride) + result))
        return results

    def _in_pairs(self, parts: list[Pairs | RepeatedPairs]) -> Phases:
        results = []
        for pair in range(parts[0].count):
            # Sums grow one convolution at a time: ONNX Runtime adds while it convolves.
            difference = parts[0].of_difference(pair)
            first = parts[0].of_sum(pair, self.conv.bias) + difference
            for part in parts[1:]:
                first = part.of_sum(pair) + first
            second = _plus(first, -2, difference)
            for part in parts:
                first, second = part.before(pair) + first, part.behind(pair) + second
            results += [F.relu(first), F.relu(second)]
        return results


class Pairs:
    """The products that two neighbouring slices of a result, a and b in the input, consist of:
    of_sum + of_difference + before, and of_sum - of_difference + behind."""

    def __init__(self, phases: Phases, kernels: list[torch.Tensor]):
        self.phases, self.count = phases, len(phases) // 2
        self.above, centre, self.below = kernels
        self.half_sum, self.half_difference = 0.5 * (self.above + centre + self.below), 0.5 * (self.above - centre + self.below)

    def of_sum(self, pair: int, bias: torch.Tensor | None = None) -> torch.Tensor:
        return _conv(self._sum(pair), self.half_sum, bias)

    def of_difference(self, pair: int) -> torch.Tensor:
        return _conv(_plus(self._sum(pair), -2, self.phases[2 * pair]), self.half_difference)

    def before(self, pair: int) -> torch.Tensor:
        return _conv(_plus(_at(self.phases, 2 * pair - 1), -1, self.phases[2 * pair + 1]), self.above)

    def behind(self, pair: int) -> torch.Tensor:
        return _conv(_plus(_at(self.phases, 2 * pair + 2), -1, self.phases[2 * pair]), self.below)

    def _sum(self, pair: int) -> torch.Tensor:
        return self.phases[2 * pair] + self.phases[2 * pair + 1]


class RepeatedPairs:
    """As Pairs, of slices that are each repeated, and each of their voxels along y and x: a and b do not differ."""

    def __init__(self, coarse: Phases, kernels: list[torch.Tensor]):
        self.coarse, self.count = coarse, len(coarse)
        self.above, centre, self.below = kernels
        self.sum = self.above + centre + self.below

    def of_sum(self, pair: int) -> torch.Tensor:
        return _conv(_Repeated.apply(self.coarse[pair]), self.sum)

    def before(self, pair: int) -> torch.Tensor:
        return _conv(_Repeated.apply(_plus(_at(self.coarse, pair - 1), -1, self.coarse[pair])), self.above)

    def behind(self, pair: int) -> torch.Tensor:
        return _conv(_Repeated.apply(_plus(_at(self.coarse, pair + 1), -1, self.coarse[pair])), self.below)


def _conv(x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None = None, stride: int = 1) -> torch.Tensor:
    return F.conv2d(x, kernel, bias, stride, 1)


def _plus(a: torch.Tensor, factor: int, b: torch.Tensor) -> torch.Tensor:
    """a + factor * b: by a convolution, since ONNX Runtime neither subtracts nor scales blocks of channels."""
    channels = int(b.shape[1])
    return F.conv2d(b, torch.full((channels, 1, 1, 1), float(factor)), groups=channels) + a


def _at(phases: Phases, r: int) -> torch.Tensor:
    """Phase r, which may be one beyond the first or the last."""
    if r < 0:
        return _Moved.apply(phases[-1], 1)
    return _Moved.apply(phases[0], -1) if r == len(phases) else phases[r]


class _Moved(torch.autograd.Function):
    """All slices of a tensor one place on or back; zeros come in."""

    @staticmethod
    def forward(_, x: torch.Tensor, by: int) -> torch.Tensor:
        return F.pad(x, (0, 0, 0, 0, 0, 0, by, -by))

    @staticmethod
    def symbolic(graph, x, by: int):
        pads = graph.op('Constant', value_t=torch.tensor([by, 0, 0, 0, -by, 0, 0, 0]))
        return graph.op('Pad', x, pads).setType(x.type())


class _Repeated(torch.autograd.Function):
    """Each voxel twice along y and x, with the shape of the result plain from the graph."""

    @staticmethod
    def forward(_, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=2, mode='nearest')

    @staticmethod
    def symbolic(graph, x):
        scales = graph.op('Constant', value_t=torch.tensor([1.0, 1, 2, 2]))
        nothing = graph.op('Constant', value_t=torch.tensor([], dtype=torch.float32))
        return graph.op('Resize', x, nothing, scales, mode_s='nearest', coordinate_transformation_mode_s='asymmetric', nearest_mode_s='floor')


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
    """As UNet for one window: [1, 1, Z, Y, X] -> (logits [1, classes, Z, Y, X],), and of patches."""

    def __init__(self, net: UNet):
        super().__init__()
        self.shape, self.stem = net.shape, nn.Sequential()
        if net.shape.stem == 2:
            self.stem = _flat_stem(net.stem)
        block = lambda of: nn.ModuleList([FlatConv(of)])  # noqa: E731
        self.down = nn.ModuleList(nn.ModuleList([block(pair[0]), block(pair[1])]) for pair in net.down)
        self.bottom = block(net.bottom)
        self.narrow = nn.ModuleList(_point(conv) for conv in net.narrow)
        self.up = nn.ModuleList(block(up) for up in net.up)
        self.head = _point(net.head)
        if net.shape.presence:
            self.presence = _point(net.presence)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        height, width = x.shape[3:]
        # As many phases as leave one on the coarsest level.
        cells = x.reshape(-1, 2 ** (len(self.down) - 1), self.shape.stem, height, width)
        phases = [self.stem(phase) for phase in cells.unbind(1)]
        kept = []
        for (first,), (second,) in self.down:
            phases = second(first(phases))
            kept.append(phases)
        phases = self.bottom[0](phases)
        presence = (self.presence(phases[0]).permute(1, 0, 2, 3)[None],) if self.shape.presence else ()
        for (up,), narrow, fine in reversed(list(zip(self.up, self.narrow, kept[:-1], strict=True))):
            phases = up(fine, [narrow(phase) for phase in phases])
        return (self._voxels([self.head(phase) for phase in phases]), *presence)

    def _voxels(self, phases: Phases) -> torch.Tensor:
        """The head's channels (z, class, y, x), of the voxels of a cell -> [1, classes, Z, Y, X]."""
        stem, classes = self.shape.stem, self.shape.classes
        cells = torch.stack(phases, 1)
        height, width = cells.shape[3:]
        # Columns first, by themselves; then whole rows: faster than all at once.
        columns = cells.reshape(-1, stem, height * width).permute(0, 2, 1)
        rows = columns.reshape(-1, stem, classes, stem, height, stem * width).permute(2, 0, 1, 4, 3, 5)
        return rows.reshape(1, classes, -1, stem * height, stem * width)


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
