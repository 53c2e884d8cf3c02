"""A bundle's network: from weights where monai is installed, else from TorchScript, which needs nothing."""
from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .checkpoint import load_checkpoint, load_into, weights_in
from .monai_config import Config
from .refusal import Refusal

KNOWN = ('UNet', 'SegResNet', 'DynUNet', 'BasicUNet')


def load_network(bundle: Path, config: Config) -> nn.Module:
    scripted, weights = bundle / 'models' / 'model.ts', bundle / 'models' / 'model.pt'
    if weights.is_file() and importlib.util.find_spec('monai') is not None:
        return _from_weights(weights, config)
    if scripted.is_file():
        return _from_script(scripted)
    if weights.is_file():
        raise Refusal(f'{weights} needs monai to be read: python3 -m pip install monai, or export models/model.ts with python3 -m monai.bundle ckpt_export')
    raise Refusal(f'{bundle} has neither models/model.pt nor models/model.ts')


def _from_weights(path: Path, config: Config) -> nn.Module:
    definition = config.plain(config.inference.get('network_def') or config.inference.get('network'), 'network_def')
    name = str(definition.get('_target_', 'none')).rpartition('.')[2] if isinstance(definition, dict) else 'none'
    if name not in KNOWN:
        raise Refusal(f'the network {name} is not among {", ".join(KNOWN)}: export models/model.ts, which any network can be read from')
    options = {key: value for key, value in definition.items() if not key.startswith('_')}
    network = getattr(importlib.import_module('monai.networks.nets'), name)(**options)
    loaded: dict[str, Any] = load_checkpoint(path)
    holder = next((loaded[key] for key in ('model', 'state_dict', 'network') if key in loaded), loaded)
    load_into(network, weights_in(holder, path, 'model'), path)
    return network


def _from_script(path: Path) -> nn.Module:
    """TorchScript is a language of its own, run by PyTorch without Python."""
    try:
        return torch.jit.load(str(path), map_location='cpu').eval()
    except (RuntimeError, ValueError) as error:
        raise Refusal(f'{path} is cut off, or no TorchScript: {str(error).splitlines()[0]}') from error
