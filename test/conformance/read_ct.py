"""Prints [x, y, z, HU] of every STEP-th pixel of a CT image as pydicom reads it: read_ct.py FILE STEP."""
import json
import sys

import numpy as np
import pydicom

image = pydicom.dcmread(sys.argv[1])
hu = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
row, column = np.array(image.ImageOrientationPatient, float).reshape(2, 3)
between_rows, between_columns = map(float, image.PixelSpacing)
pixels = np.arange(0, hu.size, int(sys.argv[2]))
j, i = np.divmod(pixels, image.Columns)
points = (
    np.array(image.ImagePositionPatient, float)
    + np.outer(i * between_columns, row)
    + np.outer(j * between_rows, column)
)
json.dump(np.column_stack([points, hu.ravel()[pixels]]).tolist(), sys.stdout)
