"""The channels of an nnU-Net network, from dataset.json."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .refusal import Refusal


@dataclass(frozen=True)
class Channels:
    names: list[str]
    """In the order of the network's channels."""
    regions: bool
    """Whether channels are regions that overlap: then each later one is written over the earlier."""


def channels_of(dataset: dict[str, Any]) -> Channels:
    inputs = dataset.get('channel_names', dataset.get('modality'))
    if not isinstance(inputs, dict) or not inputs:
        raise Refusal('dataset.json names no input channels (channel_names)')
    if len(inputs) > 1:
        raise Refusal(f'the network has {len(inputs)} input channels ({", ".join(map(str, inputs.values()))}): a CT series gives one')
    labels = dataset.get('labels')
    if not isinstance(labels, dict) or not labels:
        raise Refusal('dataset.json names no labels')
    drawn = {name: value for name, value in labels.items() if name != 'ignore'}
    if not any(isinstance(value, list) and len(value) > 1 for value in drawn.values()):
        return Channels(_by_value(drawn), regions=False)
    order = dataset.get('regions_class_order')
    # The background has no channel among regions.
    names = [name for name, value in drawn.items() if set(value if isinstance(value, list) else [value]) != {0}]
    if not isinstance(order, list) or len(order) != len(names):
        raise Refusal(f'dataset.json has {len(names)} regions, and a regions_class_order of {len(order) if isinstance(order, list) else 0}')
    return Channels(names, regions=True)


def _by_value(labels: dict[str, Any]) -> list[str]:
    """Channel n is the label of value n."""
    values = {}
    for name, value in labels.items():
        number = value[0] if isinstance(value, list) else value
        try:
            values[int(number)] = name
        except (TypeError, ValueError) as error:
            raise Refusal(f"dataset.json: the label '{name}' has the value {number}") from error
    if sorted(values) != list(range(len(labels))):
        raise Refusal(f'dataset.json: the labels have the values {sorted(values)}, not 0 to {len(labels) - 1}')
    if values[0] != 'background':
        raise Refusal(f"dataset.json: the label 0 is '{values[0]}', not 'background'")
    return [values[number] for number in range(len(labels))]
