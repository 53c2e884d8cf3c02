"""Turns a network that nnU-Net v2 has trained into a model for the server.

    python3 models/import/nnunet.py FOLDER --out DIR --id our-liver --like imagesTr/case_0000.nii.gz

FOLDER is what nnU-Net calls the trained model's folder: it holds plans.json, dataset.json and fold_0, fold_1, ...
Needs torch, numpy and onnx; nnU-Net itself need not be installed."""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from hepar_import import folder, orientation, refusal
from hepar_import.architectures import build, own_names
from hepar_import.checkpoint import load_checkpoint, load_into, weights_in
from hepar_import.export import write_onnx
from hepar_import.labels import labels_of
from hepar_import.nnunet_labels import channels_of
from hepar_import.nnunet_plan import Plan, read_plan
from hepar_import.refusal import Refusal

LARGEST_JSON_BYTES = 64 * 1024**2


def main() -> None:
    options = _arguments()
    plans, dataset = _read_json(options.folder, 'plans.json'), _read_json(options.folder, 'dataset.json')
    paths = _checkpoints(options.folder, options.folds, options.checkpoint)
    checkpoints = [load_checkpoint(path) for path in paths]
    plan = read_plan(plans, dataset, options.configuration or _configuration(checkpoints[0], options.folder))
    channels = channels_of(dataset)
    labels = labels_of(channels.names, options.label)
    seen = orientation.orientation_of(options, plan.orientation, f'plans.json has the images read as they were stored ({plan.reader})')
    mirror_axes = [] if options.no_mirroring else _mirror_axes(checkpoints[0], plan, paths[0])
    networks = []
    for path, checkpoint in zip(paths, checkpoints):
        network = build(plan.configuration, len(channels.names))
        weights = weights_in(checkpoint.get('network_weights'), path, 'network_weights')
        load_into(network, weights if set(weights) == set(network.state_dict()) else own_names(weights), path)
        networks.append(network)
    stage = {
        'input': 'x',
        'output': 'y',
        'activation': 'logits',
        'channels': [label.kind for label in labels],
        'spacingMm': plan.spacing_mm_xyz,
        'windowVoxels': plan.window_xyz,
        'overlap': 1 - options.step,
        'intensity': plan.intensity,
        'wholeScan': {
            'orientation': seen,
            'conventions': 'nnunet',
            'resampling': plan.resampling,
            'mirrorAxes': mirror_axes,
            'decide': 'regions' if channels.regions else 'largest',
        },
    }
    folds = ', '.join(path.parent.name.removeprefix('fold_') for path in paths)
    name = dataset.get('name') or plans.get('dataset_name') or options.folder.resolve().parent.name
    origin = f'Imported from nnU-Net v2: {name}, {plan.name}, {options.checkpoint}, mean of fold {folds}.'
    order, shape_zyx = plan.order, tuple(reversed(plan.window_xyz))
    folder.write_model(options, labels, stage, origin, lambda path: write_onnx(networks, order, shape_zyx, len(labels), path))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path, metavar='FOLDER')
    folder.add_arguments(parser)
    orientation.add_arguments(parser)
    parser.add_argument('--folds', nargs='+', metavar='N', help='default: all that have a checkpoint')
    parser.add_argument('--checkpoint', default='checkpoint_final.pth', metavar='FILE', help='default: %(default)s')
    parser.add_argument('--configuration', metavar='NAME', help='default: the one that the checkpoint was trained with')
    parser.add_argument('--step', type=float, default=0.5, help='step between windows, in windows (default: %(default)s)')
    parser.add_argument('--no-mirroring', action='store_true', help='leave out mirrored windows: up to eight times as fast, a little worse')
    options = parser.parse_args()
    if not 0.25 <= options.step <= 1:
        raise Refusal(f'--step {options.step} is not between 0.25 and 1')
    return options


def _read_json(model: Path, name: str) -> dict[str, Any]:
    path = model / name
    if not path.is_file():
        raise Refusal(f'{model} has no {name}: give the folder that holds plans.json, dataset.json and fold_0, fold_1, ...')
    if path.stat().st_size > LARGEST_JSON_BYTES:
        raise Refusal(f'{path} has {path.stat().st_size} bytes, more than {LARGEST_JSON_BYTES}')
    try:
        read = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise Refusal(f'{path} is cut off, or no JSON: {error}') from error
    if not isinstance(read, dict):
        raise Refusal(f'{path} is no JSON object')
    return read


def _checkpoints(model: Path, folds: list[str] | None, name: str) -> list[Path]:
    if folds:
        return [model / f'fold_{fold}' / name for fold in folds]
    # nnU-Net runs the folds of the cross-validation, and 'all' only when it is asked for.
    found = sorted(model.glob(f'fold_[0-9]*/{name}')) or sorted(model.glob(f'fold_all/{name}'))
    if not found:
        raise Refusal(f'{model} has no fold with a {name}')
    return found


def _configuration(checkpoint: dict[str, Any], model: Path) -> str:
    init = checkpoint.get('init_args')
    named = init.get('configuration') if isinstance(init, dict) else None
    return named or model.resolve().name.rpartition('__')[2]


def _mirror_axes(checkpoint: dict[str, Any], plan: Plan, path: Path) -> list[str]:
    """The axes along which the trainer has mirrored, and with that allows it; in the patient's names."""
    allowed = checkpoint.get('inference_allowed_mirroring_axes')
    if allowed is None:
        return []
    axes = list(allowed) if isinstance(allowed, (list, tuple)) else [allowed]
    if any(axis not in (0, 1, 2) for axis in axes):
        raise Refusal(f'{path} allows mirroring along axes {axes}, which are not of a 3D network')
    return sorted('zyx'[plan.order[axis]] for axis in axes)


if __name__ == '__main__':
    refusal.run(main)
