"""Floating-point operations of one window in ONNX files, counted from their graphs: two for each multiplication and addition
of a convolution. Arguments: files. Prints one JSON object, operations by file."""
import json
import sys

import numpy as np
import onnx


def count(path: str) -> int:
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):  # where the number of windows is left open
        value.type.tensor_type.shape.dim[0].dim_value = 1
    del model.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in [*graph.value_info, *graph.output, *graph.input]}
    shapes.update({i.name: list(i.dims) for i in graph.initializer})
    total = 0
    for node in graph.node:
        if node.op_type not in ('Conv', 'ConvTranspose'):
            continue
        weight = shapes[node.input[1]]
        # Each output value of a Conv is a sum over a kernel of its inputs; each input value of a ConvTranspose goes into one.
        values = shapes[node.output[0] if node.op_type == 'Conv' else node.input[0]]
        if not values or 0 in values:
            raise SystemExit(f'{path}: the shape of {node.name} is not known')
        total += 2 * int(np.prod(values)) * int(np.prod(weight[1:]))
    return total


print(json.dumps({path: count(path) for path in sys.argv[1:]}))
