"""Reads released weights back, to train on from them: convolutions as they are, batch norm recovered.

The released files hold convolutions with batch norm folded in. A batch norm behind such a convolution that has the mean
and variance of its input as running statistics, their square root as scale, and mean plus bias as shift changes nothing;
so a network that is warm-started computes what the released one does, and can be trained.

Folding also shrinks the weights, the deepest to a thousandth, and an optimiser that moves each weight by a thousandth a
step would wipe them out. Behind a convolution a batch norm undoes any scale, so each convolution gets back the scale that
new ones have (He et al., ICCV 2015), and its batch norm the statistics of that."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from .networks import Shape, UNet


def _weights(path: Path) -> dict[str, torch.Tensor]:
    graph = onnx.load(str(path)).graph
    weights = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    for node in graph.node:  # equal tensors are stored once
        if node.op_type == 'Identity' and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]]
    return weights


def _unflatten(weight: torch.Tensor, like: torch.Size) -> torch.Tensor:
    """[out, 3 * in or 2, y, x] -> [out, in, z, y, x]: the flat form stacks the slices of the kernel as channels."""
    depth = like[2]
    return torch.stack(weight.reshape(weight.shape[0], depth, -1, *weight.shape[2:]).unbind(1), 2)


def shape_of(path: Path, classes: int) -> Shape:
    """The network that a released flat ONNX file holds."""
    sizes = {i.name: tuple(i.dims) for i in onnx.load(str(path)).graph.initializer}
    widths = tuple(sizes[f'down.{k}.0.0.conv.weight'][0] for k in range(8) if f'down.{k}.0.0.conv.weight' in sizes)
    return Shape(classes, widths, 2 if 'stem.0.weight' in sizes else 1, 'presence.weight' in sizes)


def fits(path: Path, shape: Shape) -> bool:
    """Whether a network of this shape can begin with the weights of a released file."""
    released = shape_of(path, shape.classes)
    return (released.widths, released.stem) == (shape.widths, shape.stem)


def load_released(net: UNet, path: Path) -> list[str]:
    """Fills `net` from a released flat ONNX file; returns the parts that the file does not have, or has for other classes, which keep their own."""
    weights, missing = _weights(path), []
    for name, module in net.named_modules():
        if not isinstance(module, nn.Conv3d):
            continue
        flat = next((n for n in (f'{name}.weight', f'{name}.conv.weight') if n in weights), None)
        if flat is None:
            missing.append(name)
            continue
        value, bias = _unflatten(weights[flat], module.weight.shape), weights[flat.replace('.weight', '.bias')]
        if value.shape != module.weight.shape:
            if name == 'head':  # of another number of classes
                missing.append(name)
                continue
            raise SystemExit(f'{path}: {name} has the shape {tuple(value.shape)}, the network {tuple(module.weight.shape)}; warm starts need the same widths')
        module.weight.data.copy_(value)
        if module.bias is not None:
            module.bias.data.copy_(bias)
            continue
        norm = net.get_submodule(f'{name.rpartition(".")[0]}.1')
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.data.fill_(1)
        norm.bias.data.copy_(bias)
    return missing


def recover_batch_norm(net: UNet, batches) -> None:
    """Gives each batch norm the statistics of its input over `batches` ([N, 1, Z, Y, X]) and the convolution before it the
    scale of a new one, the function unchanged."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm3d)]
    sums = {m: np.zeros((2, m.num_features)) for m in norms}
    counts = dict.fromkeys(norms, 0)

    def measure(module, inputs):
        x = inputs[0].detach().double()
        sums[module] += np.stack([x.sum((0, 2, 3, 4)).cpu().numpy(), x.square().sum((0, 2, 3, 4)).cpu().numpy()])
        counts[module] += x.numel() // x.shape[1]

    hooks = [m.register_forward_pre_hook(measure) for m in norms]
    was_training = net.training
    net.eval()
    with torch.no_grad():
        for x in batches:
            net(x)
    for hook in hooks:
        hook.remove()
    net.train(was_training)
    for norm in norms:
        mean = torch.from_numpy(sums[norm][0] / counts[norm])
        variance = torch.from_numpy(sums[norm][1] / counts[norm]) - mean.square()
        variance = variance.clamp(min=1e-4)
        scale = norm.weight.data.double() / (norm.running_var.double() + norm.eps).sqrt()
        shift = norm.bias.data.double() - scale * norm.running_mean.double()
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.data.copy_(scale * (variance + norm.eps).sqrt())
        norm.bias.data.copy_(shift + scale * mean)
    for module in list(net.modules()):
        if isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[0], nn.Conv3d) and isinstance(module[1], nn.BatchNorm3d):
            _rescale(module[0], module[1])


def _rescale(conv: nn.Conv3d, norm: nn.BatchNorm3d) -> None:
    usual = (2 / conv.weight[0].numel()) ** 0.5
    scale = usual / float(conv.weight.detach().std())
    conv.weight.data.mul_(scale)
    norm.running_mean.mul_(scale)
    # The variance and epsilon together must grow by the square of the scale.
    norm.running_var.copy_(((norm.running_var + norm.eps) * scale**2 - norm.eps).clamp(min=0))
