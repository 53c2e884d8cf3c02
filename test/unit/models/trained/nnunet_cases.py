"""The trained models that the tests make: what nnU-Net would have planned for two kinds of CT."""
from __future__ import annotations

CONV, NORM, RELU = 'torch.nn.modules.conv.Conv3d', 'torch.nn.modules.instancenorm.InstanceNorm3d', 'torch.nn.LeakyReLU'


def _plans(name: str, network: str, kwargs: dict, configuration: dict, transpose: list[int], seen: dict | None) -> dict:
    common = {
        'conv_op': CONV, 'conv_bias': True, 'norm_op': NORM, 'norm_op_kwargs': {'eps': 1e-05, 'affine': True}, 'dropout_op': None,
        'dropout_op_kwargs': None, 'nonlin': RELU, 'nonlin_kwargs': {'inplace': True},
    }  # fmt: skip
    resampling = {'is_seg': False, 'order_z': 0, 'force_separate_z': None}
    return {
        'dataset_name': name,
        'plans_name': 'nnUNetPlans',
        'image_reader_writer': 'SimpleITKIO',
        'transpose_forward': transpose,
        'transpose_backward': [transpose.index(n) for n in range(3)],
        'foreground_intensity_properties_per_channel': {'0': seen or {}},
        'configurations': {
            '2d': {'patch_size': [64, 64], 'spacing': [1, 1]},
            '3d_fullres': {
                'preprocessor_name': 'DefaultPreprocessor',
                'use_mask_for_norm': [False],
                'resampling_fn_data': 'resample_data_or_seg_to_shape',
                'resampling_fn_data_kwargs': {**resampling, 'order': 3},
                'resampling_fn_probabilities': 'resample_data_or_seg_to_shape',
                'resampling_fn_probabilities_kwargs': {**resampling, 'order': 1},
                'architecture': {
                    'network_class_name': f'dynamic_network_architectures.architectures.unet.{network}',
                    'arch_kwargs': {'n_stages': len(kwargs['strides']), **kwargs, **common},
                    '_kw_requires_import': ['conv_op', 'norm_op', 'dropout_op', 'nonlin'],
                },
                **configuration,
            },
            '3d_cascade_fullres': {'inherits_from': '3d_fullres', 'previous_stage': '3d_lowres'},
        },
    }


ISOTROPIC = {
    'plans': _plans(
        'Dataset003_Liver',
        'PlainConvUNet',
        {
            'features_per_stage': [4, 8, 12],
            'kernel_sizes': [[3, 3, 3]] * 3,
            'strides': [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
            'n_conv_per_stage': [2, 1, 1],
            'n_conv_per_stage_decoder': [1, 1],
        },
        {'patch_size': [24, 32, 28], 'spacing': [5.6, 6.1, 6.1], 'normalization_schemes': ['CTNormalization']},
        [0, 1, 2],
        {'mean': 99.4, 'std': 39.6, 'percentile_00_5': -15.0, 'percentile_99_5': 197.0},
    ),
    'dataset': {
        'channel_names': {'0': 'CT'},
        'labels': {'background': 0, 'liver': 1, 'tumour': 2, 'spleen': 3},
        'numTraining': 100,
        'file_ending': '.nii.gz',
    },
    'heads': 4,
    'mirror_axes': (0, 2),
    'orientation': 'RAS',
}
# Thick slices: planned with z kept apart, the axes in another order, residual, and with regions for labels.
ANISOTROPIC = {
    'plans': _plans(
        'Dataset004_Lesions',
        'ResidualEncoderUNet',
        {
            'features_per_stage': [4, 8, 12],
            'kernel_sizes': [[3, 1, 3], [3, 3, 3], [3, 3, 3]],
            'strides': [[1, 1, 1], [2, 1, 2], [2, 2, 2]],
            'n_blocks_per_stage': [1, 2, 2],
            'n_conv_per_stage_decoder': [1, 1],
        },
        {'patch_size': [32, 12, 28], 'spacing': [5.4, 7.6, 5.1], 'normalization_schemes': ['ZScoreNormalization']},
        [1, 0, 2],
        None,
    ),
    'dataset': {
        'channel_names': {'0': 'CT'},
        'labels': {'background': 0, 'liver': [1, 2], 'hepatic_lesion': 2},
        'regions_class_order': [1, 2],
        'numTraining': 60,
        'file_ending': '.nii.gz',
    },
    'heads': 2,
    'mirror_axes': (1,),
    'orientation': 'LAS',
}
CASES = {'isotropic': ISOTROPIC, 'anisotropic': ANISOTROPIC}
