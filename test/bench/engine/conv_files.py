"""Writes ONNX files of one convolution each into a folder, of sizes at which a CPU is at its best, as JSON lines:
file, input shape, floating-point operations. And times the same ones in PyTorch: seconds of the fastest of five runs."""
import json
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

# Batch, channels in and out, height and width.
SIZES = [(1, 64, 96), (1, 128, 96), (1, 256, 48), (8, 128, 48), (8, 256, 24), (1, 512, 48)]

folder, threads = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
for batch, channels, edge in SIZES:
    shape = [batch, channels, edge, edge]
    weight = (np.random.default_rng(0).standard_normal((channels, channels, 3, 3)) / 100).astype(np.float32)
    node = helper.make_node('Conv', ['x', 'w'], ['y'], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in 'xy']
    graph = helper.make_graph([node], 'conv', values[:1], values[1:], [numpy_helper.from_array(weight, 'w')])
    path = folder / f'conv-{batch}-{channels}-{edge}.onnx'
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 16)], ir_version=8), str(path))
    x, w, seconds = torch.randn(shape), torch.from_numpy(weight), []
    with torch.inference_mode():
        for _ in range(5):
            started = time.perf_counter()
            torch.nn.functional.conv2d(x, w, padding=1)
            seconds.append(time.perf_counter() - started)
    print(json.dumps({'file': str(path), 'shape': shape, 'flops': 2 * 9 * batch * channels * channels * edge * edge, 'torchSeconds': min(seconds)}))
