"""Writes CT series whose pixels state their own label, with pydicom alone.

Usage: make_series.py SPEC.json   where SPEC is a list of
  {folder, shape: [columns, rows, slices], spacingMm, originMm, row, column, step (+1 along the normal, -1 against it),
   order: "as-is" | "shuffled", lesions: [[i, j, k, radius in voxels], ...], liver: [[i, j, k], [ri, rj, rk]],
   enhanced: bool, elements: {tag as hex: [vr, bytes as hex]}, drop: [keyword, ...]}

A stored value v means v - 1024 HU; a voxel of label n has 100 n HU: 0 background, 100 liver, 100 (1 + m) lesion m.
"""

import json
import pathlib
import sys

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"


def labels_of(spec: dict) -> np.ndarray:
    columns, rows, slices = spec["shape"]
    k, j, i = np.mgrid[:slices, :rows, :columns]
    centre, radii = spec["liver"]
    labels = np.zeros((slices, rows, columns), np.uint16)
    ball = ((i - centre[0]) / radii[0]) ** 2 + ((j - centre[1]) / radii[1]) ** 2 + ((k - centre[2]) / radii[2]) ** 2
    # The notch leaves the liver without any symmetry, so that no flip goes unseen.
    labels[(ball <= 1) & ~((i > centre[0]) & (j > centre[1]) & (k > centre[2]))] = 1
    for n, (li, lj, lk, radius) in enumerate(spec["lesions"], start=2):
        labels[(i - li) ** 2 + (j - lj) ** 2 + (k - lk) ** 2 <= radius**2] = n
    return labels


def decimal(value: float) -> str:
    for digits in range(16, 0, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= 16:
            return text
    raise ValueError(value)


def common(spec: dict, uid: str, sop_class: str) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = uid
    ds.is_little_endian, ds.is_implicit_VR = True, False
    base = spec["uid"]
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = f"{base}.1", f"{base}.2", f"{base}.3"
    ds.Modality = "CT"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Phantom^Label", "P-1", "19700101", "O"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.ReferringPhysicianName, ds.StudyID = "20260102", "101112", "", "", "1"
    ds.SeriesNumber, ds.Manufacturer, ds.PatientPosition, ds.PositionReferenceIndicator = 3, "pydicom", "HFS", ""
    ds.KVP = "120"
    columns, rows, _ = spec["shape"]
    ds.Rows, ds.Columns = rows, columns
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    for tag, (vr, value) in spec.get("elements", {}).items():
        ds[int(tag, 16)] = pydicom.dataelem.RawDataElement(
            pydicom.tag.Tag(int(tag, 16)), vr, len(bytes.fromhex(value)), bytes.fromhex(value), 0, False, True
        )
    for keyword in spec.get("drop", []):
        if keyword in ds:
            del ds[keyword]
    return ds


def write(spec: dict) -> None:
    folder = pathlib.Path(spec["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    row, column = np.array(spec["row"], float), np.array(spec["column"], float)
    normal = np.cross(row, column) * spec["step"]
    si, sj, sk = spec["spacingMm"]
    labels = labels_of(spec)
    positions = [np.array(spec["originMm"]) + k * sk * normal for k in range(len(labels))]
    stored = (labels * 100 + 1024).astype("<u2")
    orientation = [decimal(v) for v in [*row, *column]]
    spacing = [decimal(sj), decimal(si)]

    if spec.get("enhanced"):
        ds = common(spec, f"{spec['uid']}.4.1", ENHANCED_CT)
        ds.InstanceNumber, ds.NumberOfFrames = 1, len(labels)
        shared = Dataset()
        shared.PlaneOrientationSequence = Sequence([Dataset()])
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = orientation
        shared.PixelMeasuresSequence = Sequence([Dataset()])
        shared.PixelMeasuresSequence[0].PixelSpacing = spacing
        shared.PixelMeasuresSequence[0].SliceThickness = decimal(sk)
        shared.PixelValueTransformationSequence = Sequence([Dataset()])
        transform = shared.PixelValueTransformationSequence[0]
        transform.RescaleIntercept, transform.RescaleSlope, transform.RescaleType = "-1024", "1", "HU"
        frame_type = Dataset()
        frame_type.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
        shared.CTImageFrameTypeSequence = Sequence([frame_type])
        ds.SharedFunctionalGroupsSequence = Sequence([shared])
        per_frame = []
        for position in positions:
            group, plane = Dataset(), Dataset()
            plane.ImagePositionPatient = [decimal(v) for v in position]
            group.PlanePositionSequence = Sequence([plane])
            per_frame.append(group)
        ds.PerFrameFunctionalGroupsSequence = Sequence(per_frame)
        ds.PixelData = stored.tobytes()
        pydicom.dcmwrite(folder / "1.dcm", ds, write_like_original=False)
        return

    numbers = list(range(len(labels)))
    if spec.get("order") == "shuffled":
        np.random.default_rng(5).shuffle(numbers)
    for number, k in enumerate(numbers, start=1):
        ds = common(spec, f"{spec['uid']}.4.{number}", CT)
        ds.InstanceNumber = number
        ds.SliceThickness = decimal(sk)
        ds.ImageOrientationPatient = orientation
        ds.ImagePositionPatient = [decimal(v) for v in positions[k]]
        ds.PixelSpacing = spacing
        ds.RescaleIntercept, ds.RescaleSlope = "-1024", "1"
        ds.PixelData = stored[k].tobytes()
        pydicom.dcmwrite(folder / f"{number}.dcm", ds, write_like_original=False)


if __name__ == "__main__":
    for case in json.loads(pathlib.Path(sys.argv[1]).read_text()):
        write(case)
