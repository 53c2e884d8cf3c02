"""Prints what a review in DICOM SR says, as pydicom reads it: JSON, one object a file."""

import json
import sys

import pydicom


def code(item) -> str:
    return f"{item.CodeValue}|{item.CodingSchemeDesignator}"


def reference(sequence) -> list:
    return [
        [series.SeriesInstanceUID, instance.ReferencedSOPInstanceUID]
        for study in sequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    ]


def read(path: str) -> dict:
    ds = pydicom.dcmread(path)
    content = {"codes": {}, "texts": {}, "names": {}, "images": []}
    for item in ds.ContentSequence:
        concept = code(item.ConceptNameCodeSequence[0]) if "ConceptNameCodeSequence" in item else None
        if item.ValueType == "CODE":
            content["codes"][concept] = code(item.ConceptCodeSequence[0])
        elif item.ValueType == "TEXT":
            content["texts"][concept] = item.TextValue
        elif item.ValueType == "PNAME":
            content["names"][concept] = str(item.PersonName)
        elif item.ValueType == "IMAGE":
            content["images"].append(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
    return {
        "sopClass": ds.SOPClassUID,
        "study": ds.StudyInstanceUID,
        "patient": [str(ds.PatientID), str(ds.PatientName)],
        "title": code(ds.ConceptNameCodeSequence[0]),
        "verification": [ds.CompletionFlag, ds.VerificationFlag],
        "verifiers": [str(each.VerifyingObserverName) for each in ds.get("VerifyingObserverSequence", [])],
        "evidence": reference(ds.CurrentRequestedProcedureEvidenceSequence),
        "predecessors": reference(ds.get("PredecessorDocumentsSequence", [])),
        **content,
    }


if __name__ == "__main__":
    json.dump([read(path) for path in sys.argv[1:]], sys.stdout)
