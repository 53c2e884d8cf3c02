"""A bundle's configuration, read as data: references are followed, expressions are never evaluated."""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .refusal import Refusal

LARGEST_BYTES = 16 * 1024**2
DEEPEST_REFERENCE = 32


@dataclass(frozen=True)
class Config:
    metadata: dict[str, Any]
    inference: dict[str, Any]
    name: str
    """Of the inference configuration, for messages."""

    def steps(self, key: str) -> list[tuple[str, dict[str, Any]]]:
        """The transforms of a Compose by their names without the final d of the dictionary kind, with their arguments."""
        composed = self.value(self.inference.get(key), key)
        transforms = composed.get('transforms') if isinstance(composed, dict) else composed
        transforms = self.value(transforms, key)
        if not isinstance(transforms, list):
            raise Refusal(f"{self.name} has no '{key}' with a list of transforms")
        steps = []
        for item in transforms:
            step = self.value(item, key)
            if not isinstance(step, dict) or not isinstance(step.get('_target_'), str):
                raise Refusal(f"{self.name}: a transform of '{key}' is no definition with a _target_ ({str(step)[:60]})")
            if step.get('_disabled_') is True:
                continue
            name = step['_target_'].rpartition('.')[2]
            steps.append((name[:-1] if name.endswith('d') else name, {k: v for k, v in step.items() if not k.startswith('_')}))
        return steps

    def value(self, value: Any, where: str, depth: int = 0) -> Any:
        """A value with its reference followed. @raise Refusal for an expression, which only running it could tell"""
        if not isinstance(value, str) or not value.startswith(('@', '$', '%')):
            return value
        if not value.startswith('@'):
            raise Refusal(f"{self.name}: '{where}' is the expression {value[:60]}, which is not run: write its value instead")
        if depth > DEEPEST_REFERENCE:
            raise Refusal(f"{self.name}: '{where}' refers to itself")
        found: Any = self.inference
        for part in value[1:].replace('#', '::').split('::'):
            found = self.value(found, where, depth + 1)
            try:
                found = found[int(part)] if isinstance(found, list) else found[part]
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise Refusal(f"{self.name}: '{where}' refers to {value}, which is not there") from error
        return self.value(found, where, depth + 1)

    def plain(self, value: Any, where: str) -> Any:
        """A value with all references inside it followed."""
        followed = self.value(value, where)
        if isinstance(followed, list):
            return [self.plain(item, where) for item in followed]
        if isinstance(followed, dict):
            return {key: self.plain(item, where) for key, item in followed.items()}
        return followed


def read_config(bundle: Path) -> Config:
    configs = bundle / 'configs'
    if not (configs / 'metadata.json').is_file():
        raise Refusal(f'{bundle} has no configs/metadata.json: give the folder of a MONAI bundle')
    path = next((configs / f'inference.{kind}' for kind in ('json', 'yaml', 'yml') if (configs / f'inference.{kind}').is_file()), None)
    if path is None:
        raise Refusal(f'{bundle} has no configs/inference.json or inference.yaml')
    return Config(_read(configs / 'metadata.json'), _read(path), path.name)


def _read(path: Path) -> dict[str, Any]:
    if path.stat().st_size > LARGEST_BYTES:
        raise Refusal(f'{path} has {path.stat().st_size} bytes, more than {LARGEST_BYTES}')
    text = path.read_text(encoding='utf-8', errors='replace')
    if path.suffix == '.json':
        try:
            read = json.loads(text)
        except ValueError as error:
            raise Refusal(f'{path} is cut off, or no JSON: {error}') from error
    else:
        read = _read_yaml(path, text)
    if not isinstance(read, dict):
        raise Refusal(f'{path} is no object')
    return read


def _read_yaml(path: Path, text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise Refusal(f'{path} needs PyYAML to be read: python3 -m pip install pyyaml') from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Refusal(f'{path} is cut off, or no YAML: {error}') from error
