import gzip
import struct
import tempfile
import unittest
from pathlib import Path

import nibabel
import numpy as np
from hepar_import.orientation import nifti_orientation
from hepar_import.refusal import Refusal


class OrientationTest(unittest.TestCase):
    """Against nibabel, which has read these headers for twenty years."""

    def test_is_nibabels(self):
        with tempfile.TemporaryDirectory() as folder:
            for signs in [(1, 1, 1), (-1, 1, 1), (-1, -1, 1), (1, -1, -1)]:
                for form in ('sform', 'qform'):
                    image = nibabel.Nifti1Image(np.zeros((3, 4, 5), np.int16), None)
                    getattr(image, f'set_{form}')(np.diag([*(0.8 * s for s in signs[:2]), 2.5 * signs[2], 1]), code=1)
                    path = Path(folder) / 'image.nii.gz'
                    nibabel.save(image, path)
                    expected = ''.join(nibabel.aff2axcodes(nibabel.load(path).affine))
                    self.assertEqual(nifti_orientation(path), expected, (signs, form))

    def test_refuses_what_is_no_image(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'image.nii.gz'
            for content in (b'', b'text', gzip.compress(b'short'), gzip.compress(struct.pack('<i', 348) + bytes(344))):
                path.write_bytes(content)
                self.assertRaises(Refusal, nifti_orientation, path)
