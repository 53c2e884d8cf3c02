"""Reads DICOM segmentations with pydicom and compares them with the label maps that the writer was given.

Usage: read_seg.py CASE_FOLDER...   (prints a JSON list, one entry for each folder)

A folder holds seg.dcm, labels.raw (uint16, little endian, i fastest), plan.json:
  shape [i, j, k], axes (three unit vectors), spacingMm, frameOfReferenceUid, seriesInstanceUid,
  slices: [{sopInstanceUid, frameNumber, positionMm}]
and, where the source's own pixels state the labels (make_series.py), a folder ct.
Nothing here knows how the writer works: the label map is rebuilt from the frames' own statements only, by the source
image that a frame names, by the plane that it says it lies on, and against the pixels of the image that it names.
"""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pydicom


def source_labels(folder: pathlib.Path, wanted: set) -> dict:
    """Labels that the pixels of the wanted images state, by SOP Instance UID and frame."""
    found = {}
    for path in folder.glob("*.dcm"):
        ds = pydicom.dcmread(path)
        if ds.SOPInstanceUID not in wanted:
            continue
        labels = (ds.pixel_array.astype(int) - 1024) // 100
        if "NumberOfFrames" in ds:
            found.update({(ds.SOPInstanceUID, n + 1): frame for n, frame in enumerate(labels)})
        else:
            found[(ds.SOPInstanceUID, None)] = labels
    return found


def frames_by_dcmtk(folder: pathlib.Path, count: int, rows: int, columns: int) -> np.ndarray:
    """The frames as dcmtk's image library unpacks them."""
    pictures = folder / "dcmtk"
    pictures.mkdir()
    subprocess.run(["dcm2pnm", "+Fa", "+Wm", "+op", str(folder / "seg.dcm"), str(pictures / "f")], check=True)
    pixels = rows * columns
    frames = [np.frombuffer((pictures / f"f.{n}.pgm").read_bytes()[-pixels:], np.uint8) for n in range(count)]
    return np.stack(frames).reshape(count, rows, columns) > 127


def check(folder: pathlib.Path) -> dict:
    plan = json.loads((folder / "plan.json").read_text())
    columns, rows, slices = plan["shape"]
    labels = np.fromfile(folder / "labels.raw", "<u2").reshape(slices, rows, columns)
    seg = pydicom.dcmread(folder / "seg.dcm")
    frames = seg.pixel_array.reshape(int(seg.NumberOfFrames), seg.Rows, seg.Columns)

    axes = np.array(plan["axes"])
    positions = np.array([s["positionMm"] for s in plan["slices"]])
    by_source = {(s["sopInstanceUid"], s["frameNumber"]): k for k, s in enumerate(plan["slices"])}
    stated_by_pixels = source_labels(folder / "ct", {uid for uid, _ in by_source})

    shared = seg.SharedFunctionalGroupsSequence[0]
    orientation = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    measures = shared.PixelMeasuresSequence[0]
    spacing = np.array([measures.PixelSpacing[1], measures.PixelSpacing[0], measures.SpacingBetweenSlices], float)

    named, placed = np.zeros_like(labels), np.zeros_like(labels)
    overlaps = off_plane = 0
    order = []
    for groups, mask in zip(seg.PerFrameFunctionalGroupsSequence, frames):
        segment = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        number = int(source.ReferencedFrameNumber) if "ReferencedFrameNumber" in source else None
        k = by_source[(source.ReferencedSOPInstanceUID, number)]
        position = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        plane = int(np.argmin(np.abs((positions - position) @ axes[2])))
        off_plane += plane != k or float(np.abs(position - positions[plane]).max()) > 1e-3
        overlaps += int(np.count_nonzero(named[k][mask == 1]))
        named[k][mask == 1] = segment
        placed[plane][mask == 1] = segment
        order.append((segment, k))

    by_pixels = sum(
        int(np.count_nonzero(named[k] != stated_by_pixels[source]))
        for source, k in by_source.items()
        if stated_by_pixels
    )
    return {
        "frames": len(frames),
        "expectedFrames": int(sum(len(np.unique(plane[plane > 0])) for plane in labels)),
        "voxels": int(np.count_nonzero(labels)),
        "differentBySource": int(np.count_nonzero(named != labels)),
        "differentByPlane": int(np.count_nonzero(placed != labels)),
        "differentFromSourcePixels": by_pixels,
        "differentInDcmtk": int(
            np.count_nonzero(frames_by_dcmtk(folder, len(frames), seg.Rows, seg.Columns) != (frames == 1))
        ),
        "offPlane": int(off_plane),
        "overlaps": overlaps,
        "ordered": order == sorted(order),
        "orientationError": float(np.abs(orientation - np.concatenate([axes[0], axes[1]])).max()),
        "spacingErrorMm": float(np.abs(spacing - np.array(plan["spacingMm"])).max()),
        "sameFrameOfReference": seg.FrameOfReferenceUID == plan["frameOfReferenceUid"],
        "sameSeries": seg.ReferencedSeriesSequence[0].SeriesInstanceUID == plan["seriesInstanceUid"],
        "segments": [
            {
                "number": int(s.SegmentNumber),
                "label": str(s.SegmentLabel),
                "trackingUid": str(s.get("TrackingUID", "")),
                "algorithm": str(s.SegmentAlgorithmType),
            }
            for s in seg.SegmentSequence
        ],
    }


if __name__ == "__main__":
    json.dump([check(pathlib.Path(folder)) for folder in sys.argv[1:]], sys.stdout)
