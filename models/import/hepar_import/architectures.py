"""nnU-Net's networks, built from what a plan says of them.

Where the library dynamic_network_architectures is installed it builds them. Else those that nnU-Net plans by itself,
PlainConvUNet and ResidualEncoderUNet, are built here."""
from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import torch
from torch import nn

from .refusal import Refusal
from .unet import ACTIVATIONS, NORMS, Architecture, Triple, UNet

LIBRARY = 'dynamic_network_architectures'


def build(configuration: dict[str, Any], heads: int) -> nn.Module:
    """The network of a configuration in plans.json; its names of weights are the library's."""
    if importlib.util.find_spec(LIBRARY) is not None and 'architecture' in configuration:
        return _from_library(configuration['architecture'], heads)
    return UNet(read_architecture(configuration), heads)


def read_architecture(configuration: dict[str, Any]) -> Architecture:
    """Both ways in which plans.json has described a network: nnU-Net 2.0 to 2.2, and from 2.3 on."""
    if 'architecture' not in configuration:
        return _read_old(configuration)
    name = configuration['architecture']['network_class_name'].rpartition('.')[2]
    known = dict(configuration['architecture']['arch_kwargs'])
    residual = _is_residual(name)
    stages = known.pop('n_stages')
    architecture = Architecture(
        residual=residual,
        features=_per_stage(known.pop('features_per_stage'), stages),
        kernels=_triples(known.pop('kernel_sizes'), stages),
        strides=_triples(known.pop('strides'), stages),
        encoder_blocks=_per_stage(known.pop('n_blocks_per_stage' if residual else 'n_conv_per_stage'), stages),
        decoder_convs=_per_stage(known.pop('n_conv_per_stage_decoder'), stages - 1),
        bias=known.pop('conv_bias', False),
        norm=_one_of(NORMS, known.pop('norm_op', None), 'normalisation layer'),
        norm_options=known.pop('norm_op_kwargs', None) or {},
        activation=_one_of(ACTIVATIONS, known.pop('nonlin', None), 'activation'),
        activation_options=_without_inplace(known.pop('nonlin_kwargs', None)),
        stem_features=known.pop('stem_channels', None),
    )
    if not str(known.pop('conv_op', '')).endswith('Conv3d'):
        raise Refusal('the network is not of 3D convolutions')
    # Dropout does nothing outside training, nor does a stochastic depth.
    for harmless in ('dropout_op', 'dropout_op_kwargs', 'stochastic_depth_p', 'deep_supervision', 'squeeze_excitation_reduction_ratio'):
        known.pop(harmless, None)
    changed = [key for key, value in known.items() if value not in (None, False, 'conv') and not (key == 'block' and str(value).endswith('BasicBlockD'))]
    if changed:
        raise Refusal(f"the network's '{changed[0]}' is {known[changed[0]]}, which only {LIBRARY} can build: install it")
    return architecture


def _read_old(configuration: dict[str, Any]) -> Architecture:
    strides = _triples(configuration['pool_op_kernel_sizes'], len(configuration['pool_op_kernel_sizes']))
    most, first = configuration['unet_max_num_features'], configuration['UNet_base_num_features']
    return Architecture(
        residual=_is_residual(configuration['UNet_class_name']),
        features=[min(most, first * 2**stage) for stage in range(len(strides))],
        kernels=_triples(configuration['conv_kernel_sizes'], len(strides)),
        strides=strides,
        encoder_blocks=_per_stage(configuration['n_conv_per_stage_encoder'], len(strides)),
        decoder_convs=_per_stage(configuration['n_conv_per_stage_decoder'], len(strides) - 1),
    )


def _is_residual(name: str) -> bool:
    if name not in ('PlainConvUNet', 'ResidualEncoderUNet'):
        raise Refusal(f'the network is a {name}; without the library {LIBRARY} only PlainConvUNet and ResidualEncoderUNet can be built')
    return name == 'ResidualEncoderUNet'


def _per_stage(value: int | list[int], stages: int) -> list[int]:
    values = [value] * stages if isinstance(value, int) else list(value)
    if len(values) != stages:
        raise Refusal(f'the plan names {len(values)} values for {stages} stages')
    return values


def _triples(value: int | list[Any], stages: int) -> list[Triple]:
    values = [value] * stages if isinstance(value, int) else list(value)
    triples = [(item,) * 3 if isinstance(item, int) else tuple(item) for item in values]
    if len(triples) != stages or any(len(triple) != 3 for triple in triples):
        raise Refusal('the network is not of 3D convolutions, or its stages are not all described')
    return triples


def _one_of(known: dict[str, Any], name: str | None, what: str) -> str:
    last = (name or 'none').rpartition('.')[2]
    if last not in known:
        raise Refusal(f"the network's {what} is {last}; known are {', '.join(known)}")
    return last


def _without_inplace(options: dict[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (options or {}).items() if key != 'inplace'}


def _from_library(described: dict[str, Any], heads: int) -> nn.Module:
    path = described['network_class_name']
    module, _, name = path.rpartition('.')
    if not module.startswith(f'{LIBRARY}.'):
        raise Refusal(f'the network {path} is not of {LIBRARY}')
    options = dict(described['arch_kwargs'])
    for key in described.get('_kw_requires_import', []):
        options[key] = None if options[key] is None else _torch_class(options[key])
    try:
        network = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Refusal(f'{LIBRARY} as installed here has no {path}') from error
    return network(input_channels=1, num_classes=heads, deep_supervision=False, **options)


def _torch_class(path: str) -> type:
    module, _, name = path.rpartition('.')
    if module.split('.')[0] not in ('torch', LIBRARY):
        raise Refusal(f'the plan names {path}, which is neither of torch nor of {LIBRARY}')
    return getattr(importlib.import_module(module), name)


def own_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """nnU-Net's checkpoints name a weight once for each way that leads to it; the networks here know the shortest."""
    return {name: tensor for name, tensor in weights.items() if '.all_modules.' not in name and not name.startswith('decoder.encoder.')}
