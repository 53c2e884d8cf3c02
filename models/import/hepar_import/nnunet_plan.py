"""What plans.json says of how images are prepared, in the manifest's words."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .refusal import Refusal

# What an image reader of nnU-Net does to the axes of an image; None where it leaves them as they are stored.
_READERS = {'NibabelIOWithReorient': 'RAS', 'SimpleITKIOWithReorient': 'RAS', 'SimpleITKIO': None, 'NibabelIO': None, 'Tiff3DIO': None}
_RESAMPLER = 'resample_data_or_seg_to_shape'
_KERNELS = {0: 'nearest', 1: 'linear', 3: 'cubic'}
_ANISOTROPY = 3
_ANY_HU = {'lowHu': -1e6, 'highHu': 1e6, 'centreHu': 0, 'scaleHu': 1}


@dataclass(frozen=True)
class Plan:
    name: str
    configuration: dict[str, Any]
    reader: str
    orientation: str | None
    order: tuple[int, int, int]
    """Which of z, y, x (0, 1, 2) each axis of the network's tensors is."""
    spacing_mm_xyz: list[float]
    window_xyz: list[int]
    intensity: dict[str, Any]
    resampling: dict[str, Any]


def read_plan(plans: dict[str, Any], dataset: dict[str, Any], name: str) -> Plan:
    try:
        return _read(plans, dataset, name)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        what = f'{error} is missing' if isinstance(error, KeyError) else str(error)
        raise Refusal(f'plans.json is not as nnU-Net v2 writes it, in or around {name}: {what}') from error


def _read(plans: dict[str, Any], dataset: dict[str, Any], name: str) -> Plan:
    configuration = _inherited(plans['configurations'], name)
    if configuration.get('previous_stage'):
        raise Refusal(f"{name} needs the result of {configuration['previous_stage']} as a second input, which cannot be expressed: import 3d_fullres or 3d_lowres")
    patch, spacing = configuration['patch_size'], configuration['spacing']
    if len(patch) != 3 or len(spacing) != 3:
        raise Refusal(f'{name} is a network of {len(patch)}D slices, which cannot be expressed: import 3d_fullres or 3d_lowres')
    if any(edge % 2 for edge in patch):
        raise Refusal(f'{name} has a patch of {patch}: an odd size cannot be expressed')
    if configuration.get('preprocessor_name', 'DefaultPreprocessor') != 'DefaultPreprocessor':
        raise Refusal(f"{name} is prepared by {configuration['preprocessor_name']}, not by DefaultPreprocessor: that cannot be expressed")
    order = tuple(plans['transpose_forward'])
    if sorted(order) != [0, 1, 2]:
        raise Refusal(f'plans.json: transpose_forward is {list(order)}')
    reader = plans.get('image_reader_writer') or dataset.get('overwrite_image_reader_writer') or 'SimpleITKIO'
    if reader not in _READERS:
        raise Refusal(f'the images were read by {reader}, which is not known here')
    by_patient = {axis: n for n, axis in enumerate(order)}
    return Plan(
        name=name,
        configuration=configuration,
        reader=reader,
        orientation=_READERS[reader],
        order=order,
        spacing_mm_xyz=[float(spacing[by_patient[axis]]) for axis in (2, 1, 0)],
        window_xyz=[int(patch[by_patient[axis]]) for axis in (2, 1, 0)],
        intensity=_intensity(plans, configuration),
        resampling={'hu': _resampling(configuration, 'data', (0, 1, 3)), 'output': _resampling(configuration, 'probabilities', (0, 1))},
    )


def _inherited(configurations: dict[str, Any], name: str, depth: int = 0) -> dict[str, Any]:
    if name not in configurations:
        raise Refusal(f"plans.json has no configuration '{name}'; it has: {', '.join(configurations)}")
    own = configurations[name]
    parent = own.get('inherits_from')
    if parent is None:
        return own
    if depth > len(configurations):
        raise Refusal(f'plans.json: {name} inherits from itself')
    return {**_inherited(configurations, parent, depth + 1), **own}


def _intensity(plans: dict[str, Any], configuration: dict[str, Any]) -> dict[str, Any]:
    schemes = configuration['normalization_schemes']
    if len(schemes) != 1:
        raise Refusal(f'the network has {len(schemes)} input channels ({", ".join(schemes)}): a CT series gives one')
    scheme = schemes[0]
    if scheme == 'CTNormalization':
        seen = plans['foreground_intensity_properties_per_channel']['0']
        low, high = float(seen['percentile_00_5']), float(seen['percentile_99_5'])
        return {'kind': 'window', 'lowHu': low, 'highHu': high, 'centreHu': float(seen['mean']), 'scaleHu': max(float(seen['std']), 1e-8)}
    if scheme == 'NoNormalization':
        return {'kind': 'window', **_ANY_HU}
    if scheme == 'RescaleTo01Normalization':
        return {'kind': 'scan-range'}
    if scheme != 'ZScoreNormalization':
        raise Refusal(f'the normalisation {scheme} cannot be expressed; known are CTNormalization, ZScoreNormalization, RescaleTo01Normalization and NoNormalization')
    if configuration.get('use_mask_for_norm', [False])[0]:
        raise Refusal('ZScoreNormalization within a mask of non-zero voxels (use_mask_for_norm) cannot be expressed: on CT zero is water, not nothing')
    return {'kind': 'scan-zscore'}


def _resampling(configuration: dict[str, Any], what: str, orders: tuple[int, ...]) -> dict[str, Any]:
    key = f'resampling_fn_{what}'
    function = configuration.get(key, _RESAMPLER)
    if function != _RESAMPLER:
        raise Refusal(f'{key} is {function}, which cannot be expressed; known is {_RESAMPLER}')
    rules = configuration.get(f'{key}_kwargs', {})
    order, order_z = rules.get('order', 3 if what == 'data' else 1), rules.get('order_z', 0)
    for name, value in (('order', order), ('order_z', order_z)):
        if value not in orders:
            raise Refusal(f'{key} has {name} {value}, which cannot be expressed; known are {", ".join(map(str, orders))}')
    kernel = {'kernel': _KERNELS[order]}
    forced = rules.get('force_separate_z')
    if forced is False:
        return kernel
    ratio = 0 if forced else rules.get('separate_z_anisotropy_threshold', _ANISOTROPY)
    return {**kernel, 'coarseAxis': {'ratio': ratio, 'kernel': _KERNELS[order_z]}}
