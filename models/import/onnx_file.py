"""Turns an ONNX file into a model for the server.

    python3 models/import/onnx_file.py NETWORK.onnx --out DIR --id our-liver --labels background liver tumour \\
        --spacing 1.5 1.5 2 --window 96 96 96 --clip -200 300 --centre 50 --scale 125 --orientation LPS

The network takes [1, 1, Z, Y, X] (or X, Y, Z with --axes xyz) and gives one channel for each label. Needs onnx and numpy."""
from __future__ import annotations

import argparse
from pathlib import Path

from hepar_import import folder, orientation, refusal
from hepar_import.labels import labels_of
from hepar_import.onnx_graph import Graph, read_graph
from hepar_import.refusal import Refusal


def main() -> None:
    options = _arguments()
    if options.decide == 'regions' and options.labels[0].lower() == 'background':
        raise Refusal('regions overlap, and none of them is the background: leave it out of --labels')
    labels = labels_of(options.labels, options.label)
    seen = orientation.orientation_of(options, None, 'an ONNX file does not say how the images lay that it was trained on')
    graph = read_graph(options.network, options.window, options.axes, len(labels))
    stage = {
        'input': graph.input,
        'output': graph.output,
        'activation': options.activation,
        'channels': [label.kind for label in labels],
        'spacingMm': options.spacing,
        'windowVoxels': options.window,
        'overlap': options.overlap,
        'intensity': _intensity(options),
        'wholeScan': {
            'orientation': seen,
            'conventions': options.conventions,
            'resampling': {'hu': {'kernel': options.kernel}, 'output': {'kernel': 'linear'}},
            'mirrorAxes': options.mirror,
            'decide': options.decide,
        },
    }
    folder.write_model(options, labels, stage, f'Imported from the ONNX file {options.network.name}.', graph.write)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('network', type=Path, metavar='NETWORK.onnx')
    folder.add_arguments(parser)
    orientation.add_arguments(parser)
    parser.add_argument('--labels', nargs='+', required=True, metavar='NAME', help="the output's channels in their order")
    parser.add_argument('--spacing', nargs=3, type=float, required=True, metavar=('X', 'Y', 'Z'), help='mm')
    parser.add_argument('--window', nargs=3, type=int, required=True, metavar=('X', 'Y', 'Z'), help='voxels')
    parser.add_argument('--axes', choices=('zyx', 'xyz'), default='zyx', help="order of the tensor's axes (default: %(default)s)")
    parser.add_argument('--overlap', type=float, default=0.5, help='share of a window (default: %(default)s)')
    parser.add_argument('--intensity', choices=('window', 'zscore', 'range'), default='window', help='of fixed HU, or of the whole scan (default: %(default)s)')
    parser.add_argument('--clip', nargs=2, type=float, metavar=('LOW', 'HIGH'), help='HU; default: none is clipped')
    parser.add_argument('--centre', type=float, metavar='HU', help='taken from the clipped HU')
    parser.add_argument('--scale', type=float, metavar='HU', help='divides what is left')
    parser.add_argument('--activation', choices=('logits', 'probabilities'), default='logits', help='what the output is (default: %(default)s)')
    parser.add_argument('--decide', choices=('largest', 'regions'), default='largest', help='regions: channels overlap, a sigmoid each (default: %(default)s)')
    parser.add_argument('--conventions', choices=('nnunet', 'monai'), default='monai', help='how grids and windows are laid out (default: %(default)s)')
    parser.add_argument('--kernel', choices=('linear', 'cubic'), default='linear', help='how HU are resampled (default: %(default)s)')
    parser.add_argument('--mirror', nargs='*', choices=('x', 'y', 'z'), default=[], help='axes along which windows are mirrored too')
    options = parser.parse_args()
    if min(options.spacing) <= 0:
        raise Refusal('--spacing is of three numbers above 0')
    if any(edge <= 0 or edge % 2 for edge in options.window):
        raise Refusal('--window is of three even numbers above 0')
    return options


def _intensity(options: argparse.Namespace) -> dict:
    if options.intensity != 'window':
        if options.clip or options.centre is not None or options.scale is not None:
            raise Refusal('--clip, --centre and --scale go with --intensity window alone')
        return {'kind': f'scan-{options.intensity}'}
    if options.centre is None or options.scale is None:
        raise Refusal('say how HU become numbers: --centre and --scale, and --clip where they are clipped before')
    low, high = options.clip or (-1e6, 1e6)
    if low >= high or options.scale <= 0:
        raise Refusal('--clip has its lower HU first, and --scale is above 0')
    return {'kind': 'window', 'lowHu': low, 'highHu': high, 'centreHu': options.centre, 'scaleHu': options.scale}


if __name__ == '__main__':
    refusal.run(main)
