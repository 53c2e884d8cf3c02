"""Sources and references for the decoder's test.

Usage: decode_reference.py make DIR      writes NAME.dcm, uncompressed, and its stored values NAME.i32; prints the names
       decode_reference.py read LIST     LIST: JSON [[dicom, out], ...]; writes each file's stored values as gdcm or
                                         pydicom decode them (int32, frames x rows x columns); prints what failed
"""

import json
import sys
import warnings

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import JPEG2000, ExplicitVRLittleEndian

warnings.simplefilter("ignore")

CT = "1.2.840.10008.5.1.4.1.1.2"
HTJ2K = [f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203)]
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"


def anatomy(rng, frames, rows, columns, low, high):
    """Smooth shapes with noise, which every predictor meets with both small and large differences."""
    y, x = np.mgrid[0:rows, 0:columns]
    images = []
    for frame in range(frames):
        radius = np.hypot(y - rows * 0.5 - frame, x - columns * 0.45)
        image = np.cos(radius / 3) * np.exp(-radius / rows) + rng.normal(0, 0.02, (rows, columns))
        image = (image - image.min()) / np.ptp(image)
        images.append(np.round(low + image * (high - low)))
    return np.stack(images).astype(np.int32)


def sources(rng):
    """name: (values, bits allocated, stored, high bit, signed, junk outside the value)"""
    padded = anatomy(rng, 1, 65, 77, -1024, 3071)
    padded[:, :9, :] = -2000
    full = anatomy(rng, 1, 64, 64, 0, 65535)
    full[0, 0, :4] = [0, 65535, 32767, 32768]
    extreme = anatomy(rng, 1, 64, 64, -32768, 32767)
    extreme[0, 5, :4] = [-32768, 32767, -1, 0]
    twelve = anatomy(rng, 1, 61, 80, 0, 4095)
    return {
        "signed 16, padding -2000": (padded, 16, 16, 15, 1, False),
        "signed 16, whole range": (extreme, 16, 16, 15, 1, False),
        "unsigned 16, whole range": (full, 16, 16, 15, 0, False),
        "unsigned 12": (twelve, 16, 12, 11, 0, False),
        "signed 12": (twelve - 2048, 16, 12, 11, 1, False),
        "signed 13 of 16": (anatomy(rng, 1, 40, 33, -4096, 4095), 16, 13, 12, 1, False),
        "unsigned 14": (anatomy(rng, 1, 40, 33, 0, 16383), 16, 14, 13, 0, False),
        "unsigned 8": (anatomy(rng, 1, 33, 40, 0, 255), 8, 8, 7, 0, False),
        "signed 16, 5 frames": (anatomy(rng, 5, 48, 64, -1024, 2000), 16, 16, 15, 1, False),
        "unsigned 12, overlay above": (twelve, 16, 12, 11, 0, True),
        "signed 12, junk above": (twelve - 2048, 16, 12, 11, 1, True),
        "unsigned 12, high bit 15": (twelve, 16, 12, 15, 0, True),
        "signed 12, high bit 13": (twelve - 2048, 16, 12, 13, 1, True),
    }


def cells(rng, values, allocated, stored, high_bit, junk):
    shift = high_bit + 1 - stored
    mask = ((1 << stored) - 1) << shift
    words = (values.astype(np.int64) << shift) & mask
    if junk:
        words |= rng.integers(0, 1 << allocated, values.shape) & ~mask & ((1 << allocated) - 1)
    elif np.any(values < 0):
        words = (values.astype(np.int64) << shift) & ((1 << allocated) - 1)
    return words.astype(np.uint8 if allocated == 8 else "<u2").tobytes()


def make(folder):
    rng = np.random.default_rng(7)
    names = []
    for name, (values, allocated, stored, high_bit, signed, junk) in sources(rng).items():
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = ENHANCED_CT if len(values) > 1 else CT
        meta.MediaStorageSOPInstanceUID = f"2.25.{len(names) + 1000}"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
        ds.is_little_endian, ds.is_implicit_VR = True, False
        ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        ds.ImageType, ds.Modality = ["ORIGINAL", "PRIMARY", "AXIAL"], "CT"
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.InstanceNumber = "2.25.1", "2.25.2", len(names) + 1
        ds.PatientName, ds.PatientID = "Decode^Test", "DECODE"
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.Rows, ds.Columns = values.shape[1:]
        if len(values) > 1:
            ds.NumberOfFrames = len(values)
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = allocated, stored, high_bit, signed
        ds.RescaleSlope, ds.RescaleIntercept = 1, 0
        ds.PixelData = cells(rng, values, allocated, stored, high_bit, junk)
        if len(ds.PixelData) % 2:
            ds.PixelData += b"\0"
        ds["PixelData"].VR = "OB" if allocated == 8 else "OW"
        ds.save_as(f"{folder}/{name}.dcm")
        values.astype("<i4").tofile(f"{folder}/{name}.i32")
        names.append(name)
    return names


def read(pairs):
    failed = {}
    for path, out in pairs:
        try:
            ds = pydicom.dcmread(path)
            if ds.file_meta.TransferSyntaxUID in HTJ2K:
                # gdcm knows it not by name, but the OpenJPEG behind it reads it like any JPEG 2000.
                ds.file_meta.TransferSyntaxUID = JPEG2000
            least = -(1 << ds.BitsStored - 1) if ds.PixelRepresentation else 0
            # Lossy decoders overshoot; beyond Bits Stored there is no value.
            values = np.clip(ds.pixel_array.astype("<i4"), least, least + (1 << ds.BitsStored) - 1)
            values.astype("<i4").tofile(out)
        except Exception as error:
            failed[path] = f"{type(error).__name__}: {error}"[:200]
    return failed


if __name__ == "__main__":
    command, argument = sys.argv[1:]
    print(json.dumps(make(argument) if command == "make" else read(json.load(open(argument)))))
