"""Reads PyTorch checkpoints without running what is in them.

A checkpoint is a zip archive: a pickle, which may name any function to be called, and the tensors' bytes. Here the pickle
may name what rebuilds tensors and plain values, and nothing else. PyTorch's own reader is not used: some of its versions
heed no restriction."""
from __future__ import annotations

import importlib
import pickle
import sys
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
    'torch': {'Size', 'device'},
}
_STORAGES = {
    'BFloat16Storage': torch.bfloat16,
    'BoolStorage': torch.bool,
    'ByteStorage': torch.uint8,
    'CharStorage': torch.int8,
    'DoubleStorage': torch.float64,
    'FloatStorage': torch.float32,
    'HalfStorage': torch.float16,
    'IntStorage': torch.int32,
    'LongStorage': torch.int64,
    'ShortStorage': torch.int16,
}


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's dictionary, its tensors on the CPU."""
    if not path.is_file():
        raise Refusal(f'{path} is missing')
    if not zipfile.is_zipfile(path):
        raise Refusal(f'{path} is cut off, or no checkpoint of PyTorch 1.6 or later')
    try:
        with zipfile.ZipFile(path) as archive:
            loaded = _load(path, archive)
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001: whatever broken bytes make the readers say
        raise Refusal(f'{path} is damaged: {error or type(error).__name__}') from error
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


def _load(path: Path, archive: zipfile.ZipFile) -> Any:
    names = archive.namelist()
    if any(name.endswith('/constants.pkl') for name in names):
        raise Refusal(f'{path} is TorchScript, not a checkpoint of weights')
    pickled = next((name for name in names if name.endswith('/data.pkl')), None)
    if pickled is None:
        raise Refusal(f'{path} is an archive, but no checkpoint of PyTorch')
    prefix = pickled.removesuffix('data.pkl')
    if f'{prefix}byteorder' in names and archive.read(f'{prefix}byteorder').decode() != sys.byteorder:
        raise Refusal(f'{path} was written on a machine of another byte order')
    with archive.open(pickled) as file:
        return _Unpickler(file, path, archive, prefix).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, path: Path, archive: zipfile.ZipFile, prefix: str) -> None:
        super().__init__(file)
        self._path = path
        self._archive = archive
        self._prefix = prefix
        self._storages: dict[str, torch.Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module in ('torch', 'torch.storage') and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) in _REBUILT:
            return _REBUILT[module, name]
        known = module.replace('numpy._core', 'numpy.core')
        if name not in _HARMLESS.get(known, set()):
            raise Refusal(f'{self._path} would run code of its own ({module}.{name}): it is not loaded')
        try:
            return getattr(importlib.import_module(module), name)
        except ModuleNotFoundError:
            return getattr(importlib.import_module(known), name)

    def persistent_load(self, pid: Any) -> torch.Tensor:
        """A tensor's bytes, as a tensor of one axis; those that share them get the same."""
        kind, dtype, key, _location, count = pid
        if kind != 'storage' or not isinstance(dtype, torch.dtype):
            raise ValueError(f'it holds a {kind} of {dtype}')
        if key not in self._storages:
            data = bytearray(self._archive.read(f'{self._prefix}data/{key}'))
            self._storages[key] = torch.frombuffer(data, dtype=dtype, count=count) if count else torch.empty(0, dtype=dtype)
        return self._storages[key]


def _tensor(storage: torch.Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> torch.Tensor:
    return torch.as_strided(storage, size, stride, offset)


# Under the names that PyTorch gives to its own.
_REBUILT = {
    ('torch._utils', '_rebuild_tensor'): _tensor,
    ('torch._utils', '_rebuild_tensor_v2'): _tensor,
    ('torch._utils', '_rebuild_parameter'): lambda data, *_: data,
    ('torch.serialization', '_get_layout'): lambda *_: None,
}
