"""Names for the dimensions of a graph whose windows may be of any size.

ONNX Runtime adds, and cuts off at zero, while it convolves, which saves a fifth of a network's time: but only where it knows
that what it adds is of one size. Of dimensions that are open it knows that by their names, and finds none by itself behind a
Reshape. So two windows of different sizes are followed through the graph: dimensions that agree in both are of one size."""
from __future__ import annotations

import copy

import onnx
from onnx import TensorProto, helper, shape_inference

OPEN_ZYX = ('depth', 'height', 'width')
# Edges in steps. No product of one with a power of two is that of another.
_ONE_ZYX, _OTHER_ZYX = (5, 7, 9), (11, 13, 15)


def name_sizes(model: onnx.ModelProto, step: int) -> None:
    """States the dimensions of each tensor between the input [1, 1, depth, height, width] and the outputs, in place."""
    one, other = (sizes_in(model, [step * n for n in edges]) for edges in (_ONE_ZYX, _OTHER_ZYX))
    outputs = {output.name for output in model.graph.output}
    del model.graph.value_info[:]
    for name, dimensions in one.items():
        if name in outputs or None in dimensions or None in other[name]:
            continue
        named = [a if a == b else f'{a} or {b}' for a, b in zip(dimensions, other[name], strict=True)]
        model.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, named))


def sizes_in(model: onnx.ModelProto, window_zyx: list[int]) -> dict[str, list[int | None]]:
    """Of each tensor of floats between the input and the outputs, its dimensions for one window of a size; None where they are not known."""
    sized = copy.deepcopy(model)
    for dimension, edge in zip(sized.graph.input[0].type.tensor_type.shape.dim, [1, 1, *window_zyx], strict=True):
        dimension.Clear()
        dimension.dim_value = edge
    for output in sized.graph.output:
        output.type.tensor_type.ClearField('shape')
    inferred = shape_inference.infer_shapes(sized, strict_mode=True, data_prop=True).graph
    tensors = ((tensor.name, tensor.type.tensor_type) for tensor in [*inferred.value_info, *inferred.output])
    return {
        name: [d.dim_value if d.HasField('dim_value') else None for d in tensor.shape.dim]
        for name, tensor in tensors
        if tensor.elem_type == TensorProto.FLOAT and tensor.HasField('shape')
    }
