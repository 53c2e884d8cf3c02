"""The U-Nets that nnU-Net plans: PlainConvUNet (Isensee et al., Nat Methods 2021) and ResidualEncoderUNet (Isensee et al.,
MICCAI 2024), with the layers and the names of weights that the library dynamic_network_architectures documents."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

Triple = tuple[int, int, int]
NORMS = {'InstanceNorm3d': nn.InstanceNorm3d, 'BatchNorm3d': nn.BatchNorm3d}
ACTIVATIONS = {'LeakyReLU': nn.LeakyReLU, 'ReLU': nn.ReLU}


@dataclass(frozen=True)
class Architecture:
    """A U-Net's stages from the finest to the coarsest; axes as in the plan's patch."""

    residual: bool
    features: list[int]
    kernels: list[Triple]
    strides: list[Triple]
    encoder_blocks: list[int]
    decoder_convs: list[int]
    bias: bool = True
    norm: str = 'InstanceNorm3d'
    norm_options: dict[str, Any] = field(default_factory=lambda: {'eps': 1e-5, 'affine': True})
    activation: str = 'LeakyReLU'
    activation_options: dict[str, Any] = field(default_factory=dict)
    stem_features: int | None = None


class ConvNorm(nn.Module):
    """A convolution, a normalisation and, unless told otherwise, an activation."""

    def __init__(self, like: Architecture, inputs: int, outputs: int, kernel: Triple, stride: Triple, bias: bool, activated: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, [(edge - 1) // 2 for edge in kernel], bias=bias)
        self.norm = NORMS[like.norm](outputs, **like.norm_options)
        self.nonlin = _activation(like) if activated else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.nonlin(self.norm(self.conv(x)))


class Convs(nn.Module):
    """Convolutions one after another; the first may have a stride."""

    def __init__(self, like: Architecture, count: int, inputs: int, outputs: int, kernel: Triple, stride: Triple = (1, 1, 1)) -> None:
        super().__init__()
        first = ConvNorm(like, inputs, outputs, kernel, stride, like.bias)
        others = [ConvNorm(like, outputs, outputs, kernel, (1, 1, 1), like.bias) for _ in range(count - 1)]
        self.convs = nn.Sequential(first, *others)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.convs(x)


class Residual(nn.Module):
    """Two convolutions and what goes past them: pooled where they have a stride, projected where they change features."""

    def __init__(self, like: Architecture, inputs: int, outputs: int, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.conv1 = ConvNorm(like, inputs, outputs, kernel, stride, like.bias)
        self.conv2 = ConvNorm(like, outputs, outputs, kernel, (1, 1, 1), like.bias, activated=False)
        past: list[nn.Module] = []
        if any(step != 1 for step in stride):
            past.append(nn.AvgPool3d(stride, stride))
        if inputs != outputs:
            past.append(ConvNorm(like, inputs, outputs, (1, 1, 1), (1, 1, 1), bias=False, activated=False))
        self.skip = nn.Sequential(*past)
        self.nonlin2 = _activation(like)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.nonlin2(self.conv2(self.conv1(x)) + self.skip(x))


class Residuals(nn.Module):
    def __init__(self, like: Architecture, count: int, inputs: int, outputs: int, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        others = [Residual(like, outputs, outputs, kernel, (1, 1, 1)) for _ in range(count - 1)]
        self.blocks = nn.Sequential(Residual(like, inputs, outputs, kernel, stride), *others)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x)


class Encoder(nn.Module):
    def __init__(self, like: Architecture) -> None:
        super().__init__()
        inputs = 1
        if like.residual:
            inputs = like.stem_features or like.features[0]
            self.stem = Convs(like, 1, 1, inputs, like.kernels[0])
        stages: list[nn.Module] = []
        for count, outputs, kernel, stride in zip(like.encoder_blocks, like.features, like.kernels, like.strides):
            stage = (Residuals if like.residual else Convs)(like, count, inputs, outputs, kernel, stride)
            stages.append(stage if like.residual else nn.Sequential(stage))
            inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.has_stem = like.residual

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        outputs = []
        x = self.stem(x) if self.has_stem else x
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs


class Decoder(nn.Module):
    """Finer stage by stage. Each has a segmentation layer of its own, of which only the finest is used outside training."""

    def __init__(self, like: Architecture, heads: int) -> None:
        super().__init__()
        coarse_to_fine = range(len(like.features) - 2, -1, -1)
        self.transpconvs = nn.ModuleList(
            nn.ConvTranspose3d(like.features[n + 1], like.features[n], like.strides[n + 1], like.strides[n + 1], bias=like.bias) for n in coarse_to_fine
        )
        self.stages = nn.ModuleList(
            Convs(like, like.decoder_convs[stage], 2 * like.features[n], like.features[n], like.kernels[n]) for stage, n in enumerate(coarse_to_fine)
        )
        self.seg_layers = nn.ModuleList(nn.Conv3d(like.features[n], heads, 1) for n in coarse_to_fine)

    def forward(self, skips: list[torch.Tensor]) -> torch.Tensor:
        x = skips[-1]
        for skip, up, convs in zip(reversed(skips[:-1]), self.transpconvs, self.stages):
            x = convs(torch.cat((up(x), skip), 1))
        return self.seg_layers[-1](x)


class UNet(nn.Module):
    def __init__(self, like: Architecture, heads: int) -> None:
        super().__init__()
        self.encoder = Encoder(like)
        self.decoder = Decoder(like, heads)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x))


def _activation(like: Architecture) -> nn.Module:
    return ACTIVATIONS[like.activation](**like.activation_options)
