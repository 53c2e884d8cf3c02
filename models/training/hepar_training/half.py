"""Half precision: convolutions in float16, what goes in and comes out in float32. For GPUs, whose half precision is the faster."""
from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with the weights of its convolutions, and all between its input and its outputs, in float16."""
    graph = model.graph
    weights = {name for node in graph.node if node.op_type == 'Conv' for name in node.input[1:]}
    for initializer in graph.initializer:
        if initializer.name in weights:
            initializer.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(initializer).astype(np.float16), initializer.name))
    ends = {o.name for o in graph.output}
    given = graph.input[0].name
    for node in graph.node:
        node.input[:] = [f'{name}_half' if name == given or name in ends else name for name in node.input]
        node.output[:] = [f'{name}_half' if name in ends else name for name in node.output]
    casts = [helper.make_node('Cast', [f'{name}_half'], [name], to=TensorProto.FLOAT) for name in (o.name for o in graph.output)]
    nodes = [helper.make_node('Cast', [given], [f'{given}_half'], to=TensorProto.FLOAT16), *graph.node, *casts]
    del graph.node[:]
    graph.node.extend(nodes)
    # What is stated of the values between is of single precision.
    del graph.value_info[:]
    return model
