"""Networks to ONNX, as the server runs them: float32, [n, 1, Z, Y, X] in and [n, channels, Z, Y, X] out."""
from __future__ import annotations

import inspect
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from .refusal import Refusal

OPSET = 16
LARGEST_BYTES = 1024**3
# Newer versions of PyTorch have two exporters; this is the one that all have.
_TRACED = {'dynamo': False} if 'dynamo' in inspect.signature(torch.onnx.export).parameters else {}


class Ensemble(nn.Module):
    """The mean of what several networks say, for axes in the server's order.

    @param order which of z, y, x (0, 1, 2) each axis of the networks' own tensors is"""

    def __init__(self, networks: list[nn.Module], order: tuple[int, int, int]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.there = (0, 1, *(2 + axis for axis in order))
        self.back = (0, 1, *(2 + order.index(axis) for axis in range(3)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        moved = x.permute(self.there)
        total = self.networks[0](moved)
        for network in self.networks[1:]:
            total = total + network(moved)
        return (total / len(self.networks)).permute(self.back)


def write_onnx(networks: list[nn.Module], order: tuple[int, int, int], shape_zyx: tuple[int, int, int], channels: int, path: Path) -> None:
    """Writes networks of equal inputs and outputs as one file."""
    size = sum(tensor.numel() * tensor.element_size() for network in networks for tensor in network.state_dict().values())
    if size > LARGEST_BYTES:
        raise Refusal(f'the weights of {len(networks)} networks have {size} bytes, more than {LARGEST_BYTES} in one file: import fewer')
    ensemble = Ensemble(networks, order).eval()
    example = torch.zeros(1, 1, *shape_zyx)
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


def _sizes(shape: tuple[int, int, int]) -> str:
    return ' x '.join(map(str, shape))
