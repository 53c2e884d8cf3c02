"""Runs importers within the test's own process, and makes what they take."""
from __future__ import annotations

import contextlib
import importlib
import io
import json
import shutil
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from hepar_import import refusal
from hepar_import.unet import Architecture, UNet

ARCHITECTURE = {
    'features_per_stage': [2, 4],
    'kernel_sizes': [[3, 3, 3], [3, 3, 3]],
    'strides': [[1, 1, 1], [2, 2, 2]],
    'n_conv_per_stage': [1, 1],
    'n_conv_per_stage_decoder': [1],
    'conv_op': 'torch.nn.modules.conv.Conv3d',
    'conv_bias': True,
    'norm_op': 'torch.nn.modules.instancenorm.InstanceNorm3d',
    'norm_op_kwargs': {'eps': 1e-05, 'affine': True},
    'nonlin': 'torch.nn.LeakyReLU',
    'nonlin_kwargs': {'inplace': True},
    'n_stages': 2,
}
_RESAMPLING = {'is_seg': False, 'order_z': 0, 'force_separate_z': None}


class Importing(unittest.TestCase):
    """A folder of its own, and an importer to run."""

    importer = ''

    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix='hepar-import-'))
        self.out = self.root / 'out'
        self.addCleanup(shutil.rmtree, self.root)

    def run_importer(self, *arguments: str) -> tuple[int, str]:
        """Exit status and what is told on standard error."""
        module = importlib.import_module(self.importer)
        told = io.StringIO()
        words = [f'{self.importer}.py', '--out', str(self.out), '--id', 'mine', *map(str, arguments)]
        with patch('sys.argv', words), contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
            try:
                refusal.run(module.main)
            except SystemExit as end:
                return int(end.code or 0), told.getvalue()
        return 0, told.getvalue()

    def manifest(self, *arguments: str) -> dict[str, Any]:
        status, told = self.run_importer(*arguments)
        self.assertEqual((status, told), (0, ''))
        return json.loads((self.out / 'manifest.json').read_text())

    def refused(self, pattern: str, *arguments: str) -> None:
        """One line that says it, a status other than 0, and nothing left behind."""
        before = sorted(self.root.iterdir())
        status, told = self.run_importer(*arguments)
        self.assertEqual(status, 2, told)
        self.assertRegex(told, pattern)
        self.assertEqual(told.count('\n'), 1, told)
        self.assertEqual(sorted(self.root.iterdir()), before)


def trained_model(folder: Path, edit: Callable[[dict, dict, dict], None] = lambda *_: None, folds: int = 1) -> Path:
    """nnU-Net's folder. @param edit changes plans, dataset and checkpoint before they are written"""
    plans = {
        'dataset_name': 'Dataset001_Test',
        'image_reader_writer': 'NibabelIOWithReorient',
        'transpose_forward': [0, 1, 2],
        'foreground_intensity_properties_per_channel': {'0': {'mean': 90, 'std': 40, 'percentile_00_5': -50, 'percentile_99_5': 200}},
        'configurations': {
            '2d': {'patch_size': [64, 64], 'spacing': [1, 1]},
            '3d_fullres': {
                'preprocessor_name': 'DefaultPreprocessor',
                'patch_size': [8, 12, 16],
                'spacing': [3, 2, 1],
                'normalization_schemes': ['CTNormalization'],
                'use_mask_for_norm': [False],
                'resampling_fn_data': 'resample_data_or_seg_to_shape',
                'resampling_fn_data_kwargs': {**_RESAMPLING, 'order': 3},
                'resampling_fn_probabilities': 'resample_data_or_seg_to_shape',
                'resampling_fn_probabilities_kwargs': {**_RESAMPLING, 'order': 1},
                'architecture': {'network_class_name': 'dynamic_network_architectures.architectures.unet.PlainConvUNet', 'arch_kwargs': dict(ARCHITECTURE)},
            },
            '3d_cascade_fullres': {'inherits_from': '3d_fullres', 'previous_stage': '3d_lowres'},
        },
    }
    dataset = {'channel_names': {'0': 'CT'}, 'labels': {'background': 0, 'liver': 1, 'tumour': 2}, 'file_ending': '.nii.gz'}
    torch.manual_seed(1)
    like = Architecture(residual=False, features=[2, 4], kernels=[(3, 3, 3)] * 2, strides=[(1, 1, 1), (2, 2, 2)], encoder_blocks=[1, 1], decoder_convs=[1])
    checkpoint = {
        'network_weights': dict(UNet(like, 3).state_dict()),
        'init_args': {'configuration': '3d_fullres'},
        'inference_allowed_mirroring_axes': (0, 1, 2),
    }
    edit(plans, dataset, checkpoint)
    folder.mkdir()
    (folder / 'plans.json').write_text(json.dumps(plans))
    (folder / 'dataset.json').write_text(json.dumps(dataset))
    for fold in range(folds):
        (folder / f'fold_{fold}').mkdir()
        torch.save(checkpoint, str(folder / f'fold_{fold}' / 'checkpoint_final.pth'))
    return folder
