"""Floating-point operations of one window in an ONNX file, counted from its graph: two for each multiplication and addition of a
convolution. Arguments: the file, and the window's voxels along z, y and x. Prints the number."""
import sys

import numpy as np
import onnx


def count(path: str, window_zyx: list[int]) -> int:
    model = onnx.load(path)
    # The number of windows and their size may be left open.
    for dimension, n in zip(model.graph.input[0].type.tensor_type.shape.dim, [1, 1, *window_zyx], strict=True):
        dimension.Clear()
        dimension.dim_value = n
    for output in model.graph.output:
        output.type.tensor_type.ClearField('shape')
    del model.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
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


print(count(sys.argv[1], [int(n) for n in sys.argv[2:]]))
