"""An ONNX file's input and output, and its axes put in the server's order."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from .refusal import Refusal

LARGEST_BYTES = 1024**3
_TO_XYZ = [0, 1, 4, 3, 2]


@dataclass(frozen=True)
class Graph:
    model: onnx.ModelProto
    input: str
    output: str

    def write(self, path: Path) -> dict:
        onnx.save(self.model, str(path))
        return {}


def read_graph(path: Path, window_xyz: list[int], axes: str, channels: int) -> Graph:
    """@raise Refusal when the file is no network of one float32 input and output, of the window and the channels"""
    if not path.is_file():
        raise Refusal(f'{path} is missing')
    if path.stat().st_size > LARGEST_BYTES:
        raise Refusal(f'{path} has {path.stat().st_size} bytes, more than {LARGEST_BYTES}')
    try:
        # Data outside the file is not looked for: another file of the machine may be named there.
        model = onnx.load_model(str(path), load_external_data=False)
    except DecodeError as error:
        raise Refusal(f'{path} is cut off, or no ONNX file') from error
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise Refusal(f'{path} keeps weights in other files: save it as one file')
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise Refusal(f'{path} is no sound ONNX file: {str(error).splitlines()[0]}') from error
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        raise Refusal(f'{path} has {len(inputs)} inputs and {len(model.graph.output)} outputs, not one of each')
    shape = window_xyz if axes == 'xyz' else window_xyz[::-1]
    _fits(path, 'input', inputs[0], [1, 1, *shape])
    _fits(path, 'output', model.graph.output[0], [1, channels, *shape])
    if axes == 'xyz':
        return _in_server_order(model, inputs[0], window_xyz[::-1], channels)
    return Graph(model, inputs[0].name, model.graph.output[0].name)


def _fits(path: Path, role: str, value: onnx.ValueInfoProto, expected: list[int]) -> None:
    kind = value.type.tensor_type
    if kind.elem_type != TensorProto.FLOAT:
        raise Refusal(f'{path}: the {role} {value.name} is not of float32')
    if not kind.HasField('shape'):
        return
    # 0 where the file leaves a dimension open.
    shape = [dim.dim_value for dim in kind.shape.dim]
    if len(shape) != len(expected) or any(n not in (0, wanted) for n, wanted in zip(shape, expected)):
        raise Refusal(f'{path}: the {role} {value.name} is {shape}, where labels and window make it {expected}')


def _in_server_order(model: onnx.ModelProto, source: onnx.ValueInfoProto, shape_zyx: list[int], channels: int) -> Graph:
    """The same network, with its axes turned round before and after it."""
    graph, target = model.graph, model.graph.output[0].name
    names = ('hepar_x', 'hepar_y')
    graph.node.insert(0, helper.make_node('Transpose', [names[0]], [source.name], perm=_TO_XYZ))
    graph.node.append(helper.make_node('Transpose', [target], [names[1]], perm=_TO_XYZ))
    kept = [value for value in graph.input if value.name != source.name]
    del graph.input[:], graph.output[:]
    graph.input.extend([helper.make_tensor_value_info(names[0], TensorProto.FLOAT, [1, 1, *shape_zyx]), *kept])
    graph.output.extend([helper.make_tensor_value_info(names[1], TensorProto.FLOAT, [1, channels, *shape_zyx])])
    return Graph(model, *names)
