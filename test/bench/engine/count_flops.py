"""Floating-point operations of one window in an ONNX file, counted from its graph: two for each multiplication and addition of a
convolution. Arguments: the file, and the window's voxels along z, y and x. Prints the number."""
import sys
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).parents[3] / 'models' / 'training'))
from hepar_training.open_sizes import sizes_in  # noqa: E402


def count(path: str, window_zyx: list[int]) -> int:
    model = onnx.load(path)
    shapes = {model.graph.input[0].name: [1, 1, *window_zyx], **sizes_in(model, window_zyx)}
    shapes.update({i.name: list(i.dims) for i in model.graph.initializer})
    total = 0
    for node in model.graph.node:
        if node.op_type not in ('Conv', 'ConvTranspose'):
            continue
        weight = shapes[node.input[1]]
        # Each output value of a Conv is a sum over a kernel of its inputs; each input value of a ConvTranspose goes into one.
        values = shapes.get(node.output[0] if node.op_type == 'Conv' else node.input[0])
        if not values or None in values:
            raise SystemExit(f'{path}: the shape of {node.name} is not known')
        total += 2 * int(np.prod(values)) * int(np.prod(weight[1:]))
    return total


print(count(sys.argv[1], [int(n) for n in sys.argv[2:]]))
