"""Reads PyTorch checkpoints without running what is in them.

A checkpoint is a pickle, and a pickle may name any function to be called. Here it may name what rebuilds tensors and
plain values, and nothing else."""
from __future__ import annotations

import importlib
import pickle
import types
import zipfile
from pathlib import Path
from typing import Any

import torch

from .refusal import Refusal

_HARMLESS = {
    'builtins': {'bytearray', 'complex', 'dict', 'frozenset', 'list', 'range', 'set', 'slice', 'tuple'},
    'collections': {'OrderedDict', 'defaultdict', 'Counter'},
    'pathlib': {'Path', 'PosixPath', 'PurePath', 'PurePosixPath', 'PureWindowsPath', 'WindowsPath'},
    '_codecs': {'encode'},
    'numpy': {'dtype', 'ndarray'},
    'numpy.core.multiarray': {'_reconstruct', 'scalar'},
    'torch': {'Size', 'device', 'dtype', 'Tensor', 'bfloat16', 'bool', 'float16', 'float32', 'float64', 'int16', 'int32', 'int64', 'int8', 'uint8'},
    'torch._utils': {'_rebuild_parameter', '_rebuild_tensor', '_rebuild_tensor_v2'},
    'torch.storage': {'TypedStorage', 'UntypedStorage', '_TypedStorage', '_UntypedStorage'},
    'torch.nn.parameter': {'Parameter'},
}


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's dictionary, its tensors on the CPU."""
    if not path.is_file():
        raise Refusal(f'{path} is missing')
    if not zipfile.is_zipfile(path):
        raise Refusal(f'{path} is cut off, or no checkpoint of PyTorch 1.6 or later')
    with zipfile.ZipFile(path) as archive:
        names = {name.rpartition('/')[2] for name in archive.namelist()}
    if 'constants.pkl' in names:
        raise Refusal(f'{path} is TorchScript, not a checkpoint of weights')
    if 'data.pkl' not in names:
        raise Refusal(f'{path} is an archive, but no checkpoint of PyTorch')
    try:
        loaded = torch.load(str(path), map_location='cpu', pickle_module=_restricted(path), weights_only=False)
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001: whatever a broken file makes the reader say
        raise Refusal(f'{path} cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}') from error
    if not isinstance(loaded, dict):
        raise Refusal(f'{path} holds a {type(loaded).__name__}, not a dictionary of weights')
    return loaded


def weights_in(holder: Any, path: Path, key: str) -> dict[str, torch.Tensor]:
    """A state dictionary, without the prefixes that parallel and compiled networks give their weights."""
    if not isinstance(holder, dict) or not holder or not all(isinstance(value, torch.Tensor) for value in holder.values()):
        raise Refusal(f"{path} has no '{key}' with the weights of a network: it is another kind of checkpoint")
    return {name.replace('_orig_mod.', '').removeprefix('module.'): tensor for name, tensor in holder.items()}


def load_into(network: torch.nn.Module, weights: dict[str, torch.Tensor], path: Path) -> None:
    """Gives a network its weights; all of them, and of its shapes."""
    expected = network.state_dict()
    for name, tensor in expected.items():
        if name not in weights:
            raise Refusal(f'{path} is not of this network: it has no {name}')
        if weights[name].shape != tensor.shape:
            raise Refusal(f'{path} is not of this network: {name} is {list(weights[name].shape)}, not {list(tensor.shape)}')
        if tensor.is_floating_point() and not torch.isfinite(weights[name]).all():
            raise Refusal(f'{path}: {name} holds values that are no numbers')
    unknown = sorted(set(weights) - set(expected))
    if unknown:
        raise Refusal(f'{path} is not of this network: {unknown[0]} has no place in it')
    network.load_state_dict(weights)
    network.eval()


def _restricted(path: Path) -> types.ModuleType:
    """What torch.load takes for the pickle module."""

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            known = module.replace('numpy._core', 'numpy.core')
            if name not in _HARMLESS.get(known, set()):
                raise Refusal(f'{path} would run code of its own ({module}.{name}): it is not loaded')
            try:
                return getattr(importlib.import_module(module), name)
            except ModuleNotFoundError:
                return getattr(importlib.import_module(known), name)

    module = types.ModuleType('restricted_pickle')
    module.Unpickler = Unpickler
    module.load = lambda file, **options: Unpickler(file, **options).load()
    return module
