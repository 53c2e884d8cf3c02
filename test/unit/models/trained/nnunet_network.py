"""A U-Net as nnU-Net names its weights, written for the tests: random weights, and a forward pass that reads them."""
from __future__ import annotations

import torch
from torch.nn import functional as F


def random_weights(kwargs: dict, residual: bool, heads: int, seed: int) -> dict[str, torch.Tensor]:
    """A state dictionary with every name that nnU-Net writes, those that name a weight again included."""
    torch.manual_seed(seed)
    weights: dict[str, torch.Tensor] = {}

    def conv_norm(prefix: str, inputs: int, outputs: int, kernel: list[int], bias: bool = True) -> None:
        conv = torch.randn(outputs, inputs, *kernel) * (2 / (inputs * kernel[0] * kernel[1] * kernel[2])) ** 0.5
        values = {'conv.weight': conv, 'norm.weight': 1 + 0.2 * torch.randn(outputs), 'norm.bias': 0.3 * torch.randn(outputs)}
        if bias:
            values['conv.bias'] = 0.1 * torch.randn(outputs)
        for name, value in values.items():
            weights[f'{prefix}.{name}'] = value
            weights[f'{prefix}.all_modules.{0 if name.startswith("conv") else 1}.{name.split(".")[1]}'] = value

    features, kernels, strides = kwargs['features_per_stage'], kwargs['kernel_sizes'], kwargs['strides']
    inputs = 1
    if residual:
        conv_norm('encoder.stem.convs.0', 1, features[0], kernels[0])
        inputs = features[0]
    for s, outputs in enumerate(features):
        for n in range(kwargs['n_blocks_per_stage' if residual else 'n_conv_per_stage'][s]):
            before = inputs if n == 0 else outputs
            if not residual:
                conv_norm(f'encoder.stages.{s}.0.convs.{n}', before, outputs, kernels[s])
                continue
            block = f'encoder.stages.{s}.blocks.{n}'
            conv_norm(f'{block}.conv1', before, outputs, kernels[s])
            conv_norm(f'{block}.conv2', outputs, outputs, kernels[s])
            if before != outputs:
                pooled = n == 0 and any(step != 1 for step in strides[s])
                conv_norm(f'{block}.skip.{int(pooled)}', before, outputs, [1, 1, 1], bias=False)
        inputs = outputs
    weights |= {f'decoder.{name}': value for name, value in weights.items()}
    for n, s in enumerate(range(len(features) - 2, -1, -1)):
        weights[f'decoder.transpconvs.{n}.weight'] = torch.randn(features[s + 1], features[s], *strides[s + 1]) * features[s + 1] ** -0.5
        weights[f'decoder.transpconvs.{n}.bias'] = 0.1 * torch.randn(features[s])
        for c in range(kwargs['n_conv_per_stage_decoder'][n]):
            conv_norm(f'decoder.stages.{n}.convs.{c}', 2 * features[s] if c == 0 else features[s], features[s], kernels[s])
        # Scaled widely, so that the labels are not all a little of everything.
        weights[f'decoder.seg_layers.{n}.weight'] = 2.5 * torch.randn(heads, features[s], 1, 1, 1)
        weights[f'decoder.seg_layers.{n}.bias'] = torch.zeros(heads)
    return weights


def forward(x: torch.Tensor, weights: dict[str, torch.Tensor], kwargs: dict, residual: bool) -> torch.Tensor:
    """[1, 1, a, b, c] to logits [1, heads, a, b, c]."""
    kernels, strides = kwargs['kernel_sizes'], kwargs['strides']

    def conv_norm(x, prefix, stride=1, active=True):
        kernel = weights[f'{prefix}.conv.weight']
        x = F.conv3d(x, kernel, weights.get(f'{prefix}.conv.bias'), stride, tuple((k - 1) // 2 for k in kernel.shape[2:]))
        x = F.instance_norm(x, weight=weights[f'{prefix}.norm.weight'], bias=weights[f'{prefix}.norm.bias'], eps=1e-5)
        return F.leaky_relu(x, 0.01) if active else x

    skips = []
    if residual:
        x = conv_norm(x, 'encoder.stem.convs.0')
    for s in range(len(kernels)):
        for n in range(kwargs['n_blocks_per_stage' if residual else 'n_conv_per_stage'][s]):
            stride = tuple(strides[s]) if n == 0 else (1, 1, 1)
            if not residual:
                x = conv_norm(x, f'encoder.stages.{s}.0.convs.{n}', stride)
                continue
            block = f'encoder.stages.{s}.blocks.{n}'
            past = F.avg_pool3d(x, stride, stride) if stride != (1, 1, 1) else x
            for name in (f'{block}.skip.0', f'{block}.skip.1'):
                if f'{name}.conv.weight' in weights:
                    past = conv_norm(past, name, active=False)
            x = F.leaky_relu(conv_norm(conv_norm(x, f'{block}.conv1', stride), f'{block}.conv2', active=False) + past, 0.01)
        skips.append(x)
    for n in range(len(kernels) - 1):
        stride = tuple(strides[len(kernels) - 1 - n])
        up = F.conv_transpose3d(x, weights[f'decoder.transpconvs.{n}.weight'], weights[f'decoder.transpconvs.{n}.bias'], stride)
        x = torch.cat((up, skips[-2 - n]), 1)
        for c in range(kwargs['n_conv_per_stage_decoder'][n]):
            x = conv_norm(x, f'decoder.stages.{n}.convs.{c}')
    last = f'decoder.seg_layers.{len(kernels) - 2}'
    return F.conv3d(x, weights[f'{last}.weight'], weights[f'{last}.bias'])
