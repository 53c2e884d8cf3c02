"""Prints elements of DICOM files as they stand in them: a JSON list, one object a file, {tag: hex or null when absent}.

Usage: raw_elements.py TAG,TAG,... FILE...
"""

import json
import sys

from pydicom.dataelem import RawDataElement
from pydicom.filereader import data_element_generator, read_dataset


def raw(path: str, tags: list) -> dict:
    with open(path, "rb") as file:
        file.seek(132)
        meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
        syntax = meta.get_item(0x00020010).value.decode("ascii").rstrip("\0")
        assert syntax == "1.2.840.10008.1.2.1", f"{path} is not explicit VR little endian"
        elements = data_element_generator(file, False, True, stop_when=lambda tag, vr, length: tag.group > 0x20)
        # As bytes, before pydicom decodes any of them; sequences have none.
        found = {int(e.tag): e.value or b"" for e in elements if isinstance(e, RawDataElement)}
    return {tag: found[int(tag, 16)].hex() if int(tag, 16) in found else None for tag in tags}


if __name__ == "__main__":
    wanted = sys.argv[1].split(",")
    json.dump([raw(path, wanted) for path in sys.argv[2:]], sys.stdout)
