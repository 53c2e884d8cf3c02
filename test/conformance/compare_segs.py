"""Compares two DICOM segmentations with pydicom: `compare_segs.py STORED SERVED` prints a JSON object."""

import json
import sys

import pydicom

stored, served = (pydicom.dcmread(path) for path in sys.argv[1:3])
pixels = [dataset.pixel_array for dataset in (stored, served)]
elements = [{element.tag: element for element in dataset} for dataset in (stored, served)]
changed = sorted(
    elements[0][tag].keyword
    for tag in elements[0]
    if elements[1].get(tag) != elements[0][tag]
)
print(
    json.dumps(
        {
            "shapes": [list(array.shape) for array in pixels],
            "voxels": int(pixels[0].sum()),
            "wrongVoxels": int((pixels[0] != pixels[1]).sum()),
            "bits": [[d.BitsAllocated, d.BitsStored, d.HighBit] for d in (stored, served)],
            "changed": changed,
            "added": [str(tag) for tag in elements[1] if tag not in elements[0]],
            "sameMeta": stored.file_meta == served.file_meta,
        }
    )
)
