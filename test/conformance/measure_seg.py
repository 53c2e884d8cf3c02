"""Measures the segments of a DICOM segmentation on its source CT, with pydicom, numpy and scipy alone.

Usage: measure_seg.py CASE_FOLDER...   (a folder holds seg.dcm and ct/; prints a JSON list, one entry for each)

Voxels are placed by what the CT images say of themselves; the frames of the SEG by the image that they name. Lines are
measured as findings.json defines them: on the convex hull of a slice's pixels, each as the diamond between the midpoints
of its edges.
"""

import json
import pathlib
import sys

import numpy as np
import pydicom
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist, squareform

EDGE_MIDPOINTS = np.array([[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]])


def read_ct(folder: pathlib.Path) -> tuple:
    """SOP Instance UIDs in the order along the normal, HU [k, j, i], and the affine of [i, j, k] to mm."""
    images = [pydicom.dcmread(path) for path in folder.glob("*.dcm")]
    row, column = np.array(images[0].ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(row, column)
    images.sort(key=lambda ds: float(np.array(ds.ImagePositionPatient, float) @ normal))
    hu = np.stack([ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept) for ds in images])
    between_rows, between_columns = map(float, images[0].PixelSpacing)
    first, last = (np.array(ds.ImagePositionPatient, float) for ds in (images[0], images[-1]))
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = row * between_columns, column * between_rows
    affine[:3, 2], affine[:3, 3] = (last - first) / (len(images) - 1), first
    return [ds.SOPInstanceUID for ds in images], hu, affine


def diameters(mask: np.ndarray, spacing: np.ndarray) -> tuple:
    """Longest line across the hull of a slice's pixels [j, i], and the longest across it at right angles, in mm."""
    pixels = np.argwhere(mask)[:, ::-1]
    points = (pixels[:, None, :] + EDGE_MIDPOINTS).reshape(-1, 2) * spacing
    hull = ConvexHull(points)
    corners = points[hull.vertices]
    apart = squareform(pdist(corners))
    longest = apart.max()
    crossings = []
    for a, b in np.argwhere(apart > longest - 1e-9):
        along = (corners[b] - corners[a]) / longest
        across = np.array([-along[1], along[0]])
        # Where the line through `start` across the axis leaves the half-planes that make up the hull.
        chords = []
        for start in corners:
            offset, slope = hull.equations[:, :2] @ start + hull.equations[:, 2], hull.equations[:, :2] @ across
            with np.errstate(divide="ignore", invalid="ignore"):
                leaves = -offset / slope
            chords.append(leaves[slope > 1e-12].min() - leaves[slope < -1e-12].max())
        crossings.append(max(chords))
    return longest, min(crossings), max(crossings)


def measure(folder: pathlib.Path) -> dict:
    uids, hu, affine = read_ct(folder / "ct")
    seg = pydicom.dcmread(folder / "seg.dcm")
    labels = np.zeros(hu.shape, np.uint16)
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    for groups, frame in zip(seg.PerFrameFunctionalGroupsSequence, frames):
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        segment = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        labels[uids.index(source.ReferencedSOPInstanceUID)][frame == 1] = segment
    voxel_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    spacing = np.linalg.norm(affine[:3, :2], axis=0)
    lesions = []
    for segment in range(2, labels.max() + 1):
        mask = labels == segment
        where = np.argwhere(mask)[:, ::-1]
        slices = {k: diameters(mask[k], spacing) for k in np.unique(where[:, 2])}
        longest = max(lengths[0] for lengths in slices.values())
        chosen = [k for k, lengths in slices.items() if lengths[0] > longest - 1e-6]
        lesions.append(
            {
                "volumeMl": len(where) * voxel_ml,
                "meanHu": float(hu[mask].mean()),
                "huSd": float(hu[mask].std()),
                "centroidMm": (affine @ [*where.mean(axis=0), 1])[:3].tolist(),
                "longAxisMm": float(longest),
                "shortAxisMm": [min(slices[k][1] for k in chosen), max(slices[k][2] for k in chosen)],
                "sliceUids": [str(uids[k]) for k in chosen],
            }
        )
    return {
        "liverMl": float(np.count_nonzero(labels) * voxel_ml),
        "lesionMl": float(np.count_nonzero(labels > 1) * voxel_ml),
        "components": int(ndimage.label(labels > 1, np.ones((3, 3, 3)))[1]),
        "lesions": lesions,
    }


if __name__ == "__main__":
    json.dump([measure(pathlib.Path(folder)) for folder in sys.argv[1:]], sys.stdout)
