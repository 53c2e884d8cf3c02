"""What a bundle does before and after its network, in the manifest's words. What these have no word for is refused."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .monai_config import Config
from .refusal import Refusal

# Transforms that change nothing that the network sees.
_WITHOUT_EFFECT = {'LoadImage', 'EnsureChannelFirst', 'AddChannel', 'AsChannelFirst', 'EnsureType', 'ToTensor', 'CastToType', 'ToDevice', 'Identity'}
_AFTER_WITHOUT_EFFECT = _WITHOUT_EFFECT | {'SaveImage', 'CopyItems', 'DeleteItems', 'SelectItems'}
_ANY_HU = 1e6
_SIGMA_SCALE = 0.125
_OF_WINDOWS = ('_target_', 'roi_size', 'overlap', 'mode', 'padding_mode', 'cval', 'sigma_scale')


@dataclass(frozen=True)
class Preparation:
    orientation: str | None
    spacing_mm_xyz: list[float]
    kernel: str
    intensity: dict[str, Any]


def read_preparation(config: Config) -> Preparation:
    turned, spaced, intensity = None, None, None
    for name, given in config.steps('preprocessing'):
        where = f'preprocessing, {name}'
        if name in _WITHOUT_EFFECT:
            continue
        if name == 'Orientation':
            turned = ''.join(config.plain(given.get('axcodes'), where) or '')
            if len(turned) != 3:
                raise Refusal(f"Orientation to '{turned}' cannot be expressed")
        elif name == 'Spacing':
            if intensity is not None:
                raise Refusal('intensities are changed before Spacing, which cannot be expressed')
            spaced = (_numbers(config.plain(given.get('pixdim'), where), where), _kernel(_first(config.plain(given.get('mode', 'bilinear'), where))))
            if config.plain(given.get('scale_extent', False), where):
                raise Refusal('Spacing with scale_extent cannot be expressed')
        elif name in _INTENSITIES:
            if intensity is not None:
                raise Refusal(f'{name} is the second transform of intensities, which cannot be expressed')
            intensity = _INTENSITIES[name]({key: config.plain(value, where) for key, value in given.items()})
        else:
            raise Refusal(f'the transform {name} of the preprocessing cannot be expressed')
    if spaced is None:
        raise Refusal('the preprocessing has no Spacing: a network for images as they come cannot be expressed')
    if intensity is None:
        raise Refusal('the preprocessing does not say how intensities are scaled')
    return Preparation(turned, *spaced, intensity)


def read_inferer(config: Config) -> dict[str, Any]:
    # Others of its arguments, such as devices, change nothing of the result, and may be expressions.
    given = config.value(config.inference.get('inferer'), 'inferer') or {}
    inferer = {key: config.plain(given[key], f'inferer, {key}') for key in _OF_WINDOWS if key in given}
    name = str(inferer.get('_target_', 'none')).rpartition('.')[2]
    if name not in ('SlidingWindowInferer', 'SlidingWindowInfererAdapt'):
        raise Refusal(f'the inferer {name} cannot be expressed; known is SlidingWindowInferer')
    size = inferer.get('roi_size')
    size = [size] * 3 if isinstance(size, int) else size
    if not isinstance(size, list) or len(size) != 3 or any(not isinstance(n, int) or n <= 0 or n % 2 for n in size):
        raise Refusal(f'the inferer has windows of {size}: three even numbers are needed')
    for key, usual in (('padding_mode', 'constant'), ('cval', 0), ('sigma_scale', _SIGMA_SCALE)):
        if inferer.get(key, usual) != usual:
            raise Refusal(f"the inferer's {key} is {inferer[key]}, which cannot be expressed")
    weights = inferer.get('mode', 'constant')
    if weights not in ('constant', 'gaussian'):
        raise Refusal(f"the inferer's mode is {weights}, which cannot be expressed")
    overlap = inferer.get('overlap', 0.25)
    if not isinstance(overlap, (int, float)) or not 0 <= overlap <= 0.75:
        raise Refusal(f"the inferer's overlap is {overlap}, which is not from 0 to 0.75")
    return {'window_xyz': size, 'overlap': overlap, 'weights': weights}


def read_decision(config: Config) -> dict[str, Any]:
    """The order that can be expressed: activation and inversion, one before the other, then the decision."""
    activation, inverted, decided, resampled, kernel = None, False, None, 'output', 'linear'
    for name, given in config.steps('postprocessing'):
        where = f'postprocessing, {name}'
        if name == 'Activations':
            activation = 'softmax' if config.plain(given.get('softmax', False), where) else 'sigmoid' if config.plain(given.get('sigmoid', False), where) else None
            if activation is None or decided:
                raise Refusal('Activations other than softmax or sigmoid, or after the decision, cannot be expressed')
            resampled = resampled if inverted else 'probabilities'
        elif name == 'Invert':
            if decided:
                raise Refusal('labels are decided before they are brought back to the scan (AsDiscrete before Invert), which cannot be expressed')
            inverted = True
            kernel = 'nearest' if config.plain(given.get('nearest_interp', True), where) else 'linear'
        elif name == 'AsDiscrete':
            decided = 'largest' if config.plain(given.get('argmax', False), where) else _threshold(config.plain(given.get('threshold'), where))
        elif name not in _AFTER_WITHOUT_EFFECT:
            raise Refusal(f'the transform {name} of the postprocessing cannot be expressed')
    if not inverted:
        raise Refusal('the postprocessing has no Invert: how labels get back to the scan is not said')
    if decided is None:
        raise Refusal('the postprocessing has no AsDiscrete: how labels are decided is not said')
    if decided == 'regions' and activation != 'sigmoid':
        raise Refusal('a threshold without a sigmoid cannot be expressed')
    if decided == 'largest' and activation == 'sigmoid':
        raise Refusal('the largest of sigmoids cannot be expressed')
    return {'decide': decided, 'resampled': resampled, 'kernel': kernel}


def _threshold(value: Any) -> str:
    if value not in (True, 0.5):
        raise Refusal(f'a decision at a threshold of {value} cannot be expressed; known are argmax, and 0.5')
    return 'regions'


def _scale_range(given: dict[str, Any]) -> dict[str, Any]:
    low, high = _number(given, 'a_min'), _number(given, 'a_max')
    to_low, to_high = given.get('b_min'), given.get('b_max')
    if to_low is None or to_high is None:
        to_low, to_high = 0, 1
    if high <= low or to_high <= to_low:
        raise Refusal(f'ScaleIntensityRange from {low}..{high} to {to_low}..{to_high} cannot be expressed')
    scale = (high - low) / (to_high - to_low)
    clipped = {'lowHu': low, 'highHu': high} if given.get('clip', False) else {'lowHu': -_ANY_HU, 'highHu': _ANY_HU}
    return {'kind': 'window', **clipped, 'centreHu': low - to_low * scale, 'scaleHu': scale}


def _normalise(given: dict[str, Any]) -> dict[str, Any]:
    if given.get('nonzero', False):
        raise Refusal('NormalizeIntensity of the values but zero (nonzero) cannot be expressed: on CT zero is water, not nothing')
    subtrahend, divisor = _first(given.get('subtrahend')), _first(given.get('divisor'))
    if subtrahend is None and divisor is None:
        return {'kind': 'scan-zscore'}
    if subtrahend is None or divisor is None or not float(divisor) > 0:
        raise Refusal('NormalizeIntensity needs both subtrahend and divisor, or neither')
    return {'kind': 'window', 'lowHu': -_ANY_HU, 'highHu': _ANY_HU, 'centreHu': float(subtrahend), 'scaleHu': float(divisor)}


def _scale(given: dict[str, Any]) -> dict[str, Any]:
    if (given.get('minv', 0.0), given.get('maxv', 1.0)) != (0.0, 1.0) or given.get('factor') is not None and given.get('minv') is None:
        raise Refusal('ScaleIntensity to other than 0 to 1 cannot be expressed')
    return {'kind': 'scan-range'}


_INTENSITIES = {'ScaleIntensityRange': _scale_range, 'NormalizeIntensity': _normalise, 'ScaleIntensity': _scale}


def _number(given: dict[str, Any], key: str) -> float:
    value = given.get(key)
    if not isinstance(value, (int, float)):
        raise Refusal(f'ScaleIntensityRange: {key} is {value}, not a number')
    return float(value)


def _numbers(value: Any, where: str) -> list[float]:
    if not isinstance(value, list) or len(value) != 3 or any(not isinstance(n, (int, float)) or n <= 0 for n in value):
        raise Refusal(f'{where}: {value} is no spacing of three axes')
    return [float(n) for n in value]


def _first(value: Any) -> Any:
    """One key's share of a list that has one for each key; the image comes first."""
    return value[0] if isinstance(value, list) and value else value


def _kernel(mode: Any) -> str:
    known = {'bilinear': 'linear', 'nearest': 'nearest'}
    if mode not in known:
        raise Refusal(f"Spacing with mode '{mode}' cannot be expressed; known are {', '.join(known)}")
    return known[mode]
