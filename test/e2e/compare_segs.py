"""What differs between two segmentations of one series, read with pydicom by the source image that each frame names.

Usage: compare_segs.py BEFORE.dcm AFTER.dcm   (prints JSON)

  changed  [[SOP Instance UID, row, column, name before, name after], ...]; a name is the Tracking UID, or 'liver', or null
"""

import json
import sys

import numpy as np
import pydicom


def read(path: str) -> dict:
    """Arrays of names, [rows, columns], by source image."""
    seg = pydicom.dcmread(path)
    names = {s.SegmentNumber: str(getattr(s, "TrackingUID", "liver")) for s in seg.SegmentSequence}
    names[1] = "liver"
    slices = {}
    for frame, groups in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence):
        image = groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        labels = slices.setdefault(image, np.full(frame.shape, None, object))
        labels[frame > 0] = names[number]
    return slices


def main() -> None:
    before, after = (read(path) for path in sys.argv[1:3])
    changed = []
    for image in sorted({*before, *after}):
        shape = (before.get(image) if image in before else after[image]).shape
        nothing = np.full(shape, None, object)
        old, new = before.get(image, nothing), after.get(image, nothing)
        changed += [[image, int(j), int(i), old[j, i], new[j, i]] for j, i in np.argwhere(old != new)]
    print(json.dumps({"changed": changed}))


main()
