"""To which sides of the patient a network's axes grow."""
from __future__ import annotations

import argparse
import gzip
import re
import struct
from pathlib import Path

import numpy as np

from .refusal import Refusal

AXES = re.compile('[LR][AP][SI]')
_HEADER_BYTES = 348


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--orientation', metavar='XYZ', help="where x, y, z of the training images' voxels grow to: RAS, LAS, LPS ...")
    parser.add_argument('--like', type=Path, metavar='IMAGE', help='a training image (NIfTI) to take the orientation from')


def orientation_of(options: argparse.Namespace, known: str | None, why: str) -> str:
    """@param known what the network's own files say; @param why they say nothing, for the refusal"""
    if options.orientation and options.like:
        raise Refusal('say --orientation or --like, not both')
    said = options.orientation or (nifti_orientation(options.like) if options.like else None)
    if said is not None and not AXES.fullmatch(said):
        raise Refusal(f"--orientation '{said}' is not three letters such as RAS: Left or Right, Anterior or Posterior, Superior or Inferior")
    if known is not None and said is not None and said != known:
        raise Refusal(f'the network sees images as {known}, not as {said}')
    if known is None and said is None:
        raise Refusal(f'{why}: say how their voxels lie with --like IMAGE (one of the training images) or --orientation RAS')
    return known or said


def nifti_orientation(path: Path) -> str:
    """From the affine in a NIfTI-1 header: the sform, or else the qform."""
    opened = gzip.open if path.name.endswith('.gz') else open
    try:
        with opened(path, 'rb') as file:
            header = file.read(_HEADER_BYTES)
    except (OSError, EOFError) as error:
        raise Refusal(f'{path} cannot be read: {error}') from error
    order = next((order for order in '<>' if len(header) == _HEADER_BYTES and struct.unpack(f'{order}i', header[:4])[0] == _HEADER_BYTES), None)
    if order is None or header[344:347] not in (b'n+1', b'ni1'):
        raise Refusal(f'{path} is no NIfTI image')
    qform, sform = struct.unpack(f'{order}2h', header[252:256])
    if sform > 0:
        axes = np.array(struct.unpack(f'{order}12f', header[280:328])).reshape(3, 4)[:, :3]
    elif qform > 0:
        axes = _rotation(*struct.unpack(f'{order}3f', header[256:268]))
        axes[:, 2] *= -1 if struct.unpack(f'{order}f', header[76:80])[0] < 0 else 1
    else:
        raise Refusal(f'{path} does not say how its voxels lie: it has neither sform nor qform')
    letters = ['LR', 'PA', 'IS']
    rows = [int(np.argmax(np.abs(axes[:, axis]))) for axis in range(3)]
    if rows != [0, 1, 2]:
        raise Refusal(f'{path} has its axes in another order than x, y, z of the patient: that cannot be expressed')
    return ''.join(letters[row][int(axes[row, axis] > 0)] for axis, row in enumerate(rows))


def _rotation(b: float, c: float, d: float) -> np.ndarray:
    a = np.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
