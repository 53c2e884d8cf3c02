"""Reads TID 1500 measurement reports with pydicom alone, and says what a reader who knows the template finds in them.

Usage: read_sr.py FILE...   (prints a JSON list, one entry for each file)

Nothing here knows how the writer works: concepts are found by code and scheme, values by value type. What the template
forbids (a group without a tracking UID, a number without a unit, a reference to an object that the evidence does not
list) is an error of its own line in `problems`.
"""

import json
import sys

import pydicom


def coded(code) -> str:
    return f"{code.CodeValue}|{code.CodingSchemeDesignator}"


def name(item) -> str:
    return coded(item.ConceptNameCodeSequence[0]) if "ConceptNameCodeSequence" in item else ""


def children(item, concept=None, value_type=None) -> list:
    return [
        child
        for child in item.get("ContentSequence", [])
        if (concept is None or name(child) == concept) and (value_type is None or child.ValueType == value_type)
    ]


def concept_value(item) -> str:
    return coded(item.ConceptCodeSequence[0])


def image_reference(item) -> dict:
    reference = item.ReferencedSOPSequence[0]
    return {
        "uid": reference.ReferencedSOPInstanceUID,
        "class": reference.ReferencedSOPClassUID,
        "segment": int(reference.ReferencedSegmentNumber) if "ReferencedSegmentNumber" in reference else None,
        "frame": int(reference.ReferencedFrameNumber) if "ReferencedFrameNumber" in reference else None,
    }


def measurement(item, problems: list) -> dict:
    measured = item.MeasuredValueSequence[0]
    unit = measured.MeasurementUnitsCodeSequence[0]
    if unit.CodingSchemeDesignator != "UCUM":
        problems.append(f"{name(item)} has a unit of {unit.CodingSchemeDesignator}")
    derivation = [concept_value(child) for child in children(item, "121401|DCM", "CODE")]
    lines = [
        {
            "frameOfReference": line.ReferencedFrameOfReferenceUID,
            "type": line.GraphicType,
            "points": [[float(v) for v in line.GraphicData[n : n + 3]] for n in range(0, len(line.GraphicData), 3)],
        }
        for line in children(item, value_type="SCOORD3D")
    ]
    return {
        "concept": name(item),
        "value": float(measured.NumericValue),
        "unit": unit.CodeValue,
        "derivation": derivation[0] if derivation else None,
        "lines": lines,
        "images": [image_reference(child) for child in children(item, value_type="IMAGE")],
    }


def one(items: list, what: str, problems: list):
    if len(items) != 1:
        problems.append(f"{len(items)} of {what}")
    return items[0] if items else None


def group(item, problems: list) -> dict:
    tracking = one(children(item, "112040|DCM", "UIDREF"), "tracking UID", problems)
    identifier = one(children(item, "112039|DCM", "TEXT"), "tracking identifier", problems)
    finding = one(children(item, "121071|DCM", "CODE"), "finding", problems)
    segments = [image_reference(child) for child in children(item, "121191|DCM", "IMAGE")]
    return {
        "template": item.ContentTemplateSequence[0].TemplateIdentifier,
        "trackingUid": tracking.UID if tracking else None,
        "trackingId": identifier.TextValue if identifier else None,
        "finding": concept_value(finding) if finding else None,
        "site": [concept_value(child) for child in children(item, "363698007|SCT", "CODE")],
        "algorithm": [
            child.TextValue
            for concept in ("111001|DCM", "111003|DCM", "111002|DCM")
            for child in children(item, concept, "TEXT")
        ],
        "segments": segments,
        "sourceSeries": [child.UID for child in children(item, "121232|DCM", "UIDREF")],
        "measurements": [measurement(child, problems) for child in children(item, value_type="NUM")],
        "evaluations": {
            name(child): concept_value(child)
            for child in children(item, value_type="CODE")
            if child.RelationshipType == "CONTAINS" and name(child) != "121071|DCM"
        },
    }


def every_item(item):
    yield item
    for child in item.get("ContentSequence", []):
        yield from every_item(child)


def read(path: str) -> dict:
    ds = pydicom.dcmread(path)
    problems: list = []
    evidence = {
        instance.ReferencedSOPInstanceUID: series.SeriesInstanceUID
        for study in ds.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    for item in every_item(ds):
        for reference in item.get("ReferencedSOPSequence", []):
            if reference.ReferencedSOPInstanceUID not in evidence:
                problems.append(f"{reference.ReferencedSOPInstanceUID} is not in the evidence")
    measurements = one(children(ds, "126010|DCM", "CONTAINER"), "Imaging Measurements", problems)
    library = one(children(ds, "111028|DCM", "CONTAINER"), "Image Library", problems)
    return {
        "sopClass": ds.SOPClassUID,
        "root": name(ds),
        "template": ds.ContentTemplateSequence[0].TemplateIdentifier,
        "flags": [ds.CompletionFlag, ds.VerificationFlag],
        "study": ds.StudyInstanceUID,
        "language": [concept_value(child) for child in children(ds, "121049|DCM")],
        "observer": [concept_value(child) for child in children(ds, "121005|DCM")],
        "device": {
            concept: [child.get("TextValue") or child.get("UID") for child in children(ds, f"{concept}|DCM")]
            for concept in ("121012", "121014", "121015")
        },
        "equipment": [
            {
                "purpose": coded(item.PurposeOfReferenceCodeSequence[0]),
                "121012": [item.DeviceUID],
                "121014": [item.Manufacturer],
                "121015": [item.ManufacturerModelName],
                "version": item.SoftwareVersions,
            }
            for item in ds.ContributingEquipmentSequence
        ],
        "comment": " ".join(child.TextValue for child in children(ds, "121106|DCM", "TEXT")),
        "library": [
            image_reference(image)["uid"] for part in children(library) for image in children(part, value_type="IMAGE")
        ],
        "groups": [group(item, problems) for item in children(measurements, "125007|DCM", "CONTAINER")],
        "evidenceSeries": sorted(set(evidence.values())),
        "problems": problems,
    }


if __name__ == "__main__":
    json.dump([read(path) for path in sys.argv[1:]], sys.stdout)
