"""Reads every object of a result with readers that no one here wrote, and counts the voxels in which each differs.

Usage: read_objects.py CASE_FOLDER...   (prints a JSON list, one entry for each folder)

A folder holds plan.json and labels.raw as read_seg.py wants them (the truth), and any of:
  segmentation.dcm                BINARY, all segments        (pydicom, gdcm, dcmtk)
  labelmap.dcm                    LABELMAP                    (pydicom, dcmtk; gdcm 3.0 does not know the class)
  lesions.dcm, liver.dcm          BINARY, deflated, apart     (pydicom, dcmtk's dcmconv, then pydicom)
  probability.dcm                 FRACTIONAL                  (pydicom), with probability.raw as the truth
  mask.dcm, mask/, mask-liver/    black and white             (pydicom, matplotlib's PNG reader)
  labels.nii.gz                   NIfTI                       (nibabel)
  rtstruct.dcm                    contours                    (pydicom, filled by matplotlib)
  secondary-capture/              pictures                    (pydicom, dcmtk)
Frames are placed by the source image that they name; NIfTI by its affine; contours by their own coordinates.
"""

import json
import pathlib
import subprocess
import sys

import gdcm
import matplotlib.image
import nibabel
import numpy as np
import pydicom
from matplotlib.path import Path


class Truth:
    def __init__(self, folder: pathlib.Path):
        plan = json.loads((folder / "plan.json").read_text())
        self.columns, self.rows, self.slices = plan["shape"]
        self.shape = (self.slices, self.rows, self.columns)
        self.labels = np.fromfile(folder / "labels.raw", "<u2").reshape(self.shape)
        self.axes, self.spacing = np.array(plan["axes"]), np.array(plan["spacingMm"])
        self.origin = np.array(plan["originMm"])
        self.k_of = {(s["sopInstanceUid"], s["frameNumber"]): k for k, s in enumerate(plan["slices"])}

    def index(self, points: np.ndarray) -> np.ndarray:
        """Voxel indices [i, j, k] of patient points (mm)."""
        return (points - self.origin) @ self.axes.T / self.spacing


def source(groups) -> tuple:
    image = groups.DerivationImageSequence[0].SourceImageSequence[0]
    return image.ReferencedSOPInstanceUID, int(image.ReferencedFrameNumber) if "ReferencedFrameNumber" in image else None


def frames_of(ds, pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(int(ds.NumberOfFrames), ds.Rows, ds.Columns)


def labels_from(truth: Truth, ds, frames: np.ndarray) -> np.ndarray:
    found = np.zeros(truth.shape, np.uint16)
    for groups, frame in zip(ds.PerFrameFunctionalGroupsSequence, frames):
        k = truth.k_of[source(groups)]
        if "SegmentIdentificationSequence" in groups:
            found[k][frame > 0] = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        else:
            found[k] = frame
    return found


def gdcm_pixels(path: pathlib.Path, ds) -> np.ndarray:
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read(), f"gdcm does not read {path}"
    raw = reader.GetImage().GetBuffer().encode("utf-8", errors="surrogateescape")
    return unpacked(ds, np.frombuffer(raw, np.uint8))


def unpacked(ds, content: np.ndarray) -> np.ndarray:
    """Frames from the bytes of Pixel Data."""
    count = int(ds.NumberOfFrames) * ds.Rows * ds.Columns
    if ds.BitsAllocated == 1:
        return frames_of(ds, np.unpackbits(content, bitorder="little")[:count])
    return frames_of(ds, content.view("<u2" if ds.BitsAllocated == 16 else np.uint8)[:count])


def dcmtk_pixels(path: pathlib.Path, ds) -> np.ndarray:
    """Stored pixels as dcmtk reads them; its image library would stretch labels over the range of grey."""
    out = path.with_suffix(".raw")
    out.mkdir()
    subprocess.run(["dcmdump", "+W", str(out), str(path)], check=True, stdout=subprocess.DEVNULL)
    (file,) = out.iterdir()
    return unpacked(ds, np.fromfile(file, np.uint8))


def differing(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.count_nonzero(a != b))


def rt_masks(truth: Truth, ds) -> dict:
    """Masks of the structure set's regions by name: pixel centres inside the contours, even-odd."""
    j, i = np.mgrid[: truth.rows, : truth.columns]
    centres = np.stack([i.ravel(), j.ravel()], 1)
    names = {int(roi.ROINumber): str(roi.ROIName) for roi in ds.StructureSetROISequence}
    masks = {}
    for roi in ds.ROIContourSequence:
        mask = np.zeros(truth.shape, bool)
        for contour in roi.ContourSequence:
            points = truth.index(np.array(contour.ContourData, float).reshape(-1, 3))
            k = int(round(points[0, 2]))
            assert np.abs(points[:, 2] - k).max() * truth.spacing[2] < 0.05, "a contour leaves its plane"
            image = contour.ContourImageSequence[0]
            number = int(image.ReferencedFrameNumber) if "ReferencedFrameNumber" in image else None
            assert truth.k_of[(image.ReferencedSOPInstanceUID, number)] == k, "a contour names another slice"
            low, high = np.floor(points[:, :2].min(0)), np.ceil(points[:, :2].max(0))
            near = np.all((centres >= low) & (centres <= high), 1)
            inside = np.zeros(len(centres), bool)
            inside[near] = Path(points[:, :2]).contains_points(centres[near])
            mask[k] ^= inside.reshape(truth.rows, truth.columns)
        masks[names[int(roi.ReferencedROINumber)]] = mask
    return masks


def check(folder: pathlib.Path) -> dict:
    truth = Truth(folder)
    found = {}

    def has(name: str) -> bool:
        return (folder / name).exists()

    for name in ("segmentation", "labelmap"):
        if has(f"{name}.dcm"):
            path = folder / f"{name}.dcm"
            ds = pydicom.dcmread(path)
            pixels = frames_of(ds, ds.pixel_array)
            found[f"{name} pydicom"] = differing(labels_from(truth, ds, pixels), truth.labels)
            found[f"{name} dcmtk"] = differing(labels_from(truth, ds, dcmtk_pixels(path, ds)), truth.labels)
            if name == "segmentation":
                found[f"{name} gdcm"] = differing(labels_from(truth, ds, gdcm_pixels(path, ds)), truth.labels)
    if has("lesions.dcm"):
        parts = {}
        for name in ("lesions", "liver"):
            if not has(f"{name}.dcm"):
                continue
            inflated = folder / f"{name}.inflated.dcm"
            subprocess.run(["dcmconv", "+te", str(folder / f"{name}.dcm"), str(inflated)], check=True)
            for reader, path in (("pydicom", folder / f"{name}.dcm"), ("dcmtk", inflated)):
                ds = pydicom.dcmread(path)
                part = labels_from(truth, ds, frames_of(ds, ds.pixel_array))
                parts[reader] = parts.get(reader, 0) + part
        for reader, labels in parts.items():
            found[f"deflated, apart {reader}"] = differing(labels, truth.labels)
    if has("probability.dcm"):
        ds = pydicom.dcmread(folder / "probability.dcm")
        values = np.zeros(truth.shape, np.uint8)
        for groups, frame in zip(ds.PerFrameFunctionalGroupsSequence, frames_of(ds, ds.pixel_array)):
            values[truth.k_of[source(groups)]] = frame
        wanted = np.fromfile(folder / "probability.raw", np.uint8).reshape(truth.shape)
        found["probability pydicom"] = differing(values, wanted)
    if has("mask.dcm"):
        ds = pydicom.dcmread(folder / "mask.dcm")
        found["mask.dcm pydicom"] = differing(frames_of(ds, ds.pixel_array), np.where(truth.labels > 1, 255, 0))
    for name, least in (("mask", 2), ("mask-liver", 1)):
        if has(name):
            files = sorted((folder / name).glob("*.png"))
            stack = np.stack([np.rint(matplotlib.image.imread(file) * 255) for file in files])
            wanted = np.where(truth.labels >= least, 255, 0)
            found[f"{name}/ matplotlib"] = differing(stack, wanted) if stack.shape == wanted.shape else -1
    if has("labels.nii.gz"):
        image = nibabel.load(folder / "labels.nii.gz")
        data = np.asarray(image.dataobj)
        k, j, i = np.mgrid[: truth.slices, : truth.rows, : truth.columns]
        voxels = np.stack([i.ravel(), j.ravel(), k.ravel()], 1)
        lps = truth.origin + (voxels * truth.spacing) @ truth.axes
        for form in ("sform", "qform"):
            affine = getattr(image, f"get_{form}")()
            at = np.linalg.solve(affine[:3, :3], (lps * [-1, -1, 1] - affine[:3, 3]).T).T
            index = np.rint(at).astype(int)
            # A quaternion of float32 near half a turn is exact to a few parts in ten thousand only; the sform is exact.
            most = 0.01 if form == "sform" else 0.2
            assert np.abs(at - index).max() < most, f"the {form} places voxels {np.abs(at - index).max()} voxels off"
            inside = np.all((index >= 0) & (index < data.shape), 1)
            read = np.zeros(len(index), np.uint16)
            read[inside] = data[tuple(index[inside].T)]
            found[f"NIfTI, {form} nibabel"] = differing(read, truth.labels.ravel())
    if has("rtstruct.dcm"):
        masks = rt_masks(truth, pydicom.dcmread(folder / "rtstruct.dcm"))
        different = differing(masks.pop("Liver"), truth.labels > 0)
        for name, mask in masks.items():
            different += differing(mask, truth.labels == int(name.split()[-1]) + 1)
        found["RT contours pydicom"] = different
    pictures = 0
    for path in sorted((folder / "secondary-capture").glob("*.dcm")):
        ds = pydicom.dcmread(path)
        ppm = path.with_suffix(".ppm")
        subprocess.run(["dcm2pnm", "+op", str(path), str(ppm)], check=True)
        by_dcmtk = np.frombuffer(ppm.read_bytes()[-ds.pixel_array.size :], np.uint8).reshape(ds.pixel_array.shape)
        found["pictures dcmtk"] = found.get("pictures dcmtk", 0) + differing(ds.pixel_array, by_dcmtk)
        pictures += int(ds.pixel_array.std() > 10)
    return {"different": found, "pictures": pictures}


if __name__ == "__main__":
    json.dump([check(pathlib.Path(folder)) for folder in sys.argv[1:]], sys.stdout)
