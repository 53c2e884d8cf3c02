"""Networks to ONNX, as the server runs them: float32, [n, 1, Z, Y, X] in and [n, channels, Z, Y, X] out."""
from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from .refusal import Refusal

OPSET = 16
LARGEST_BYTES = 1024**3
REFERENCE_VALUES = 256
# Of the values' standard deviation; reduced precision on a GPU stays below, a wrong kernel does not.
TOLERANCE = 0.02
# Newer versions of PyTorch have two exporters; this is the one that all have.
_TRACED = {'dynamo': False} if 'dynamo' in inspect.signature(torch.onnx.export).parameters else {}


class Turned(nn.Module):
    """A network for axes in the server's order.

    @param order which of z, y, x (0, 1, 2) each axis of the network's own tensors is"""

    def __init__(self, network: nn.Module, order: tuple[int, int, int]) -> None:
        super().__init__()
        self.network = network
        self.there: list[int] = [0, 1, *(2 + axis for axis in order)]
        self.back: list[int] = [0, 1, *(2 + order.index(axis) for axis in range(3))]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x.permute(self.there)).permute(self.back)


class Mean(nn.Module):
    """What several networks say on average."""

    def __init__(self, networks: list[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = self.networks[0](x)
        for network in self.networks[1:]:
            total = total + network(x)
        return total / len(self.networks)


def write_onnx(networks: list[nn.Module], order: tuple[int, int, int], shape_zyx: tuple[int, int, int], channels: int, path: Path) -> dict[str, Any]:
    """Writes networks of equal inputs and outputs as one file; returns what the manifest says of it besides: PyTorch's answer."""
    size = sum(tensor.numel() * tensor.element_size() for network in networks for tensor in network.state_dict().values())
    if size > LARGEST_BYTES:
        raise Refusal(f'the weights of {len(networks)} networks have {size} bytes, more than {LARGEST_BYTES} in one file: import fewer')
    ensemble = Turned(Mean(networks) if len(networks) > 1 else networks[0], order).eval()
    if isinstance(networks[0], torch.jit.ScriptModule):
        # What TorchScript holds cannot be traced, only compiled into what is around it.
        ensemble = torch.jit.freeze(torch.jit.script(ensemble))
    example = probe_window(shape_zyx)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            output = ensemble(example)
        except RuntimeError as error:
            raise Refusal(f'the network cannot run a window of {_sizes(shape_zyx)} (z, y, x): {str(error).splitlines()[0]}') from error
        if not isinstance(output, torch.Tensor) or list(output.shape) != [1, channels, *shape_zyx]:
            got = list(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            raise Refusal(f'the network gives {got} for a window of {_sizes(shape_zyx)} (z, y, x), not {[1, channels, *shape_zyx]}')
        torch.onnx.export(
            ensemble, example, str(path), opset_version=OPSET, input_names=['x'], output_names=['y'], dynamic_axes={'x': {0: 'n'}, 'y': {0: 'n'}}, **_TRACED
        )
    onnx.checker.check_model(onnx.load(str(path)))
    values = sampled(output.numpy())
    if not np.isfinite(values).all():
        raise Refusal('the network gives values that are no numbers')
    return {'reference': {'tolerance': TOLERANCE, 'values': [float(f'{value:.7g}') for value in values]}}


def probe_window(shape_zyx: tuple[int, int, int]) -> torch.Tensor:
    """The made-up window that the manifest's reference is the answer to."""
    n = np.arange(np.prod(shape_zyx))
    return torch.from_numpy((2 * np.sin(0.37 * n) * np.cos(0.0113 * n)).astype(np.float32).reshape(1, 1, *shape_zyx))


def sampled(output: np.ndarray) -> np.ndarray:
    """Values that are spread over the output evenly, as the manifest defines them."""
    places = np.floor((np.arange(REFERENCE_VALUES) + 0.5) * output.size / REFERENCE_VALUES).astype(int)
    return output.ravel()[places]


def _sizes(shape: tuple[int, int, int]) -> str:
    return ' x '.join(map(str, shape))
