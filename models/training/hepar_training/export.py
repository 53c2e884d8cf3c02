"""Writes both stages as ONNX, and the manifest: `python3 -m hepar_training.export --out models/hepar-ct-liver [--work DIR]`.

Each network is written three times from the same weights: flattened to 2D for CPUs, and in 3D for GPUs, in single and in
half precision."""
from __future__ import annotations

import argparse
import inspect
from pathlib import Path

import numpy as np
import onnx
import torch

from .flat import FlatUNet, FusedUNet
from .half import to_half
from .manifest import FORMS, LARGER_WINDOWS, WINDOW_ZYX, file_of, output_names, write_manifest
from .model import from_release, load_for_use
from .open_sizes import OPEN_ZYX, name_sizes
from .networks import SHAPES, UNet

OPSET = 16
LARGEST_BYTES = 10_000_000
REFERENCE_VALUES = 96
# Newer versions of PyTorch have two exporters; this is the one that all have.
_TRACED = {'dynamo': False} if 'dynamo' in inspect.signature(torch.onnx.export).parameters else {}


def export(net: UNet, shape_zyx: tuple[int, int, int], path: Path, form: str = 'flat', step: int | None = None) -> float:
    """Writes the network for windows of one size, or with `step` of any whose edges are multiples of it; returns the largest
    difference between the exported form and the trained one, run in PyTorch."""
    exported = (FlatUNet(net) if form == 'flat' else FusedUNet(net)).eval()
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 1, *shape_zyx), dtype=np.float32))
    with torch.no_grad():
        difference = max(float((a - b).abs().max()) for a, b in zip(net(x), exported(x), strict=True))
        names = output_names(net.shape)
        count, sizes = {} if form == 'flat' else {0: 'windows'}, dict(enumerate(OPEN_ZYX, start=2)) if step else {}
        open_axes = {name: {**count, **(sizes if name in 'xy' else {axis: f'{size} / {step}' for axis, size in sizes.items()})} for name in ['x', *names]}
        torch.onnx.export(exported, x, str(path), opset_version=OPSET, input_names=['x'], output_names=names, do_constant_folding=form != 'flat', dynamic_axes=open_axes, **_TRACED)
    model = onnx.load(str(path))
    if step and form == 'flat':
        name_sizes(model, step)
        onnx.save(model, str(path))
    if form == 'half':
        model = to_half(model)
        onnx.save(model, str(path))
    onnx.checker.check_model(model, full_check=True)
    if path.stat().st_size > LARGEST_BYTES:
        raise SystemExit(f'{path.name} has {path.stat().st_size} bytes, more than {LARGEST_BYTES}')
    return difference


def write_reference(net: UNet, shape_zyx: tuple[int, int, int], folder: Path, stage: str) -> None:
    """A random input and PyTorch's answer, one file a tensor, for check_onnx.mjs."""
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((1, 1, *shape_zyx), dtype=np.float32))
    with torch.no_grad():
        outputs = net(x)
    for name, tensor in zip(['x', *output_names(net.shape)], [x, *outputs], strict=True):
        tensor.numpy().tofile(folder / f'{stage}.{name}.f32')


def reference(net: UNet, shape_zyx: tuple[int, int, int]) -> list[float]:
    """What the network answers to the made-up window of the manifest, at places spread over its output."""
    n = np.arange(np.prod(shape_zyx), dtype=np.float64)
    window = (2 * np.sin(0.37 * n) * np.cos(0.0113 * n)).astype(np.float32).reshape(1, 1, *shape_zyx)
    with torch.no_grad():
        output = net(torch.from_numpy(window))[0].numpy().ravel()
    places = np.floor((np.arange(REFERENCE_VALUES) + 0.5) * output.size / REFERENCE_VALUES).astype(int)
    return [float(f'{value:.6g}') for value in output[places]]


def provenance(stage: str, work: Path) -> str:
    """How the weights came to be, one line for the card."""
    saved = torch.load(work / f'{stage}.pt', map_location='cpu')
    parts = ', '.join(f'from iteration {part["first"]}: code {part["code"] or "unknown"}, {part["device"]}, size {part["size"]}, highest rate {part["rate"]:g}' for part in saved['history'])
    return f'{stage}: seed {saved["seed"]}, {saved["iteration"]} iterations, {saved["seconds"]:.0f} s, {saved["spacing_mm"]:g} mm ({parts})'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work', type=Path, default=Path('.data/training'))
    parser.add_argument('--out', type=Path, default=Path('models/hepar-ct-liver'))
    parser.add_argument('--version', default='0.1.0')
    parser.add_argument('--release', type=Path, metavar='MODEL_DIR', help='release to take stages from')
    parser.add_argument('--keep', choices=sorted(SHAPES), nargs='*', default=[], help='stages to take from it as they are')
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    options.work.mkdir(parents=True, exist_ok=True)
    if options.keep and not options.release:
        parser.error('--keep needs --release')
    nets, spacing_mm = {}, {}
    for stage in SHAPES:
        kept = getattr(from_release(options.release), stage) if stage in options.keep else None
        nets[stage], spacing_mm[stage] = (kept.net, kept.spacing_mm) if kept else load_for_use(stage, options.work)
    for stage, net in nets.items():
        for form in FORMS:
            path = options.out / file_of(stage, form)
            difference = export(net, WINDOW_ZYX[stage], path, form, LARGER_WINDOWS.get(stage, {}).get('stepVoxels'))
            print(f'{path.name}: {path.stat().st_size / 2**20:.1f} MiB, largest difference from the trained network {difference:.2g}')
        write_reference(net, WINDOW_ZYX[stage], options.work, stage)
        print(f'{stage}: as in {options.release}' if stage in options.keep else provenance(stage, options.work))
    references = {stage: reference(net, WINDOW_ZYX[stage]) for stage, net in nets.items()}
    write_manifest(options.out, options.version, spacing_mm, {stage: net.shape for stage, net in nets.items()}, references)


if __name__ == '__main__':
    main()
