"""Reads a CT to evaluate on: a folder of DICOM slices or a NIfTI file. Axial, untilted scans only; the server has the real reader."""
from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_NIFTI_TYPES = {2: np.uint8, 4: np.int16, 8: np.int32, 16: np.float32, 64: np.float64, 256: np.int8, 512: np.uint16}


@dataclass
class Scan:
    hu: np.ndarray  # [z, y, x]: x to the Left, y to Posterior, z to Superior
    spacing_mm: tuple[float, float, float]  # x, y, z


def read_dicom(folder: Path) -> Scan:
    import pydicom

    slices = [pydicom.dcmread(path) for path in sorted(folder.glob('*.dcm'))]
    slices = [s for s in slices if 'PixelData' in s]
    if any(list(map(round, map(float, s.ImageOrientationPatient))) != [1, 0, 0, 0, 1, 0] for s in slices):
        raise SystemExit(f'{folder}: only axial slices, head first and supine, can be read here')
    slices.sort(key=lambda s: float(s.ImagePositionPatient[2]))
    hu = np.stack([s.pixel_array * float(s.get('RescaleSlope', 1)) + float(s.get('RescaleIntercept', 0)) for s in slices]).astype(np.float32)
    row, column = map(float, slices[0].PixelSpacing)
    gap = (float(slices[-1].ImagePositionPatient[2]) - float(slices[0].ImagePositionPatient[2])) / (len(slices) - 1)
    return Scan(np.maximum(hu, -1024), (column, row, gap))


def read_nifti(path: Path) -> Scan:
    """A NIfTI-1 file whose axes are parallel to the patient's."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == '.gz' else path.read_bytes()
    size = struct.unpack_from('<8h', data, 40)[1:4]
    kind = struct.unpack_from('<h', data, 70)[0]
    spacing = struct.unpack_from('<8f', data, 76)[1:4]
    offset, slope, shift = (struct.unpack_from('<f', data, at)[0] for at in (108, 112, 116))
    affine = np.array(struct.unpack_from('<12f', data, 280)).reshape(3, 4)[:, :3]
    voxels = np.frombuffer(data, np.dtype(_NIFTI_TYPES[kind]).newbyteorder('<'), int(np.prod(size)), int(offset)).reshape(size, order='F').astype(np.float32)
    if slope:
        voxels = voxels * slope + shift
    axis = np.abs(affine).argmax(0)  # patient axis (Right+, Anterior+, Superior+ in NIfTI) of each array axis
    order = [int(np.flatnonzero(axis == i)[0]) for i in range(3)]
    voxels = voxels.transpose(order)
    for i, wanted in enumerate((-1, -1, 1)):  # NIfTI's world is RAS: its x and y run against ours
        if np.sign(affine[i, order[i]]) != wanted:
            voxels = np.flip(voxels, i)
    return Scan(np.ascontiguousarray(voxels.transpose(2, 1, 0)), tuple(float(spacing[k]) for k in order))


def read(path: Path) -> Scan:
    return read_dicom(path) if path.is_dir() else read_nifti(path)
