"""Changes CT series that make_series.py wrote into what scanners, archives and anonymisers leave, with pydicom alone.

Usage: vary_series.py SPEC.json   where SPEC is a list of {folder, steps: [...]}, and a step is one of
  {set: {tag as hex: [vr, bytes as hex]}, images: [number, ...] or absent for all}
  {delete: [tag as hex, ...]}
  {longPositions: digits}             Image Position (Patient) with that many decimals
  {copy: number, uid: UID or null}    the image once more in a file of its own, under its own or another UID
  {take: folder, as: prefix}          the images of another folder, moved into this series
  {enhance: true}                     all images as frames of one enhanced multi-frame image, in the order of their names
  {wrap: tag as hex}                  puts a private creator and a private element with a nested sequence into all
"""

import json
import pathlib
import sys

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag


def element(tag: str, vr: str, value: bytes) -> RawDataElement:
    return RawDataElement(Tag(int(tag, 16)), vr, len(value), value, 0, False, True)


def save(path: pathlib.Path, ds: Dataset) -> None:
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    pydicom.dcmwrite(path, ds, write_like_original=False)


def item(source: Dataset, *keywords: str) -> Sequence:
    group = Dataset()
    for keyword in keywords:
        group[keyword] = source[keyword]
    return Sequence([group])


def enhance(folder: pathlib.Path) -> None:
    """Enhanced CT Image IOD (PS3.3 section A.38), as far as a reader of its geometry and values needs it."""
    paths = sorted(folder.glob("*.dcm"))
    images = [pydicom.dcmread(path) for path in paths]
    ds = images[0]
    ds.SOPClassUID, ds.InstanceNumber, ds.NumberOfFrames = "1.2.840.10008.5.1.4.1.1.2.1", 1, len(images)
    shared = Dataset()
    shared.PlaneOrientationSequence = item(ds, "ImageOrientationPatient")
    shared.PixelMeasuresSequence = item(ds, "PixelSpacing", "SliceThickness")
    shared.PixelValueTransformationSequence = item(ds, "RescaleIntercept", "RescaleSlope")
    shared.PixelValueTransformationSequence[0].RescaleType = "HU"
    shared.CTXRayDetailsSequence = item(ds, "KVP")
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    per_frame = []
    for image in images:
        groups = Dataset()
        groups.PlanePositionSequence = item(image, "ImagePositionPatient")
        per_frame.append(groups)
    ds.PerFrameFunctionalGroupsSequence = Sequence(per_frame)
    ds.PixelData = b"".join(image.PixelData for image in images)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "KVP"):
        del ds[keyword]
    for keyword in ("RescaleIntercept", "RescaleSlope", "RescaleType"):
        if keyword in ds:
            del ds[keyword]
    for path in paths:
        path.unlink()
    save(paths[0], ds)


def vary(folder: pathlib.Path, step: dict) -> None:
    if "enhance" in step:
        enhance(folder)
        return
    if "copy" in step:
        ds = pydicom.dcmread(folder / f"{step['copy']}.dcm")
        ds.SOPInstanceUID = step.get("uid") or ds.SOPInstanceUID
        save(folder / f"copy-{step['copy']}.dcm", ds)
        return
    if "take" in step:
        example = pydicom.dcmread(next(folder.glob("*.dcm")), stop_before_pixels=True)
        for path in sorted(pathlib.Path(step["take"]).glob("*.dcm")):
            ds = pydicom.dcmread(path)
            ds.StudyInstanceUID, ds.SeriesInstanceUID = example.StudyInstanceUID, example.SeriesInstanceUID
            save(folder / f"{step['as']}-{path.name}", ds)
        return
    wanted = step.get("images")
    for path in sorted(folder.glob("*.dcm")):
        if wanted is not None and path.stem not in map(str, wanted):
            continue
        ds = pydicom.dcmread(path)
        for tag, (vr, value) in step.get("set", {}).items():
            ds[int(tag, 16)] = element(tag, vr, bytes.fromhex(value))
        for tag in step.get("delete", []):
            if int(tag, 16) in ds:
                del ds[int(tag, 16)]
        if "longPositions" in step:
            text = "\\".join(f"{float(v):.{step['longPositions']}f}" for v in ds.ImagePositionPatient)
            ds[0x00200032] = element("00200032", "DS", (text + " " * (len(text) % 2)).encode())
        if "wrap" in step:
            group, within = int(step["wrap"][:4], 16), Dataset()
            within.add_new(0x00080100, "SH", "1")
            ds.add_new((group, 0x0010), "LO", "SOME VENDOR")
            ds.add_new((group, 0x1001), "UN", bytes(range(256)))
            ds.add_new((group, 0x1002), "SQ", Sequence([within]))
        save(path, ds)


if __name__ == "__main__":
    for case in json.loads(pathlib.Path(sys.argv[1]).read_text()):
        for each in case["steps"]:
            vary(pathlib.Path(case["folder"]), each)
