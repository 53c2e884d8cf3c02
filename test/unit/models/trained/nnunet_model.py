"""Writes the folder of a trained model as nnU-Net v2 does, with random weights."""
from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from nnunet_network import forward, random_weights
from scipy.ndimage import gaussian_filter

FOLDS = 2


def write_model(case: dict, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / 'plans.json').write_text(json.dumps(case['plans']))
    (folder / 'dataset.json').write_text(json.dumps(case['dataset']))
    for fold in range(FOLDS):
        (folder / f'fold_{fold}').mkdir()
        torch.save(checkpoint(case, fold), str(folder / f'fold_{fold}' / 'checkpoint_final.pth'))


def checkpoint(case: dict, fold: int) -> dict:
    """With all that nnU-Net's trainer keeps beside the weights."""
    return {
        'network_weights': OrderedDict(balanced(case, fold)),
        'optimizer_state': {'state': {0: {'momentum_buffer': torch.zeros(3)}}, 'param_groups': [{'lr': np.float64(0.01), 'params': [0]}]},
        'grad_scaler_state': None,
        'logging': {'mean_fg_dice': [np.float32(0.5)], 'epoch_start_timestamps': [1.5], 'dice_per_class_or_region': [[np.float64(0.5)]]},
        '_best_ema': np.float64(0.71),
        'current_epoch': 1000,
        'init_args': {'plans': case['plans'], 'configuration': '3d_fullres', 'fold': fold, 'dataset_json': case['dataset'], 'device': torch.device('cpu')},
        'trainer_name': 'nnUNetTrainer',
        'inference_allowed_mirroring_axes': case['mirror_axes'],
    }


def balanced(case: dict, fold: int) -> dict[str, torch.Tensor]:
    """Random weights whose last biases give every label its share on smooth noise."""
    configuration = case['plans']['configurations']['3d_fullres']
    architecture = configuration['architecture']
    kwargs, residual = architecture['arch_kwargs'], 'Residual' in architecture['network_class_name']
    # The folds agree in part, as folds of one training do.
    weights, other = (random_weights(kwargs, residual, case['heads'], seed) for seed in (7, 11 + fold))
    weights = {key: value + 0.15 * value.std(unbiased=False) * other[key] if value.numel() > 1 else value for key, value in weights.items()}
    noise = gaussian_filter(np.random.default_rng(fold).standard_normal(configuration['patch_size']), 2)
    with torch.no_grad():
        logits = forward(torch.from_numpy((noise / noise.std()).astype(np.float32))[None, None], weights, kwargs, residual)
    last = f'decoder.seg_layers.{len(kwargs["strides"]) - 2}.bias'
    weights[last] = -logits[0].flatten(1).quantile(0.65, dim=1)
    return weights

