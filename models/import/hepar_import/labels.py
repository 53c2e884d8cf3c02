"""What a network's labels are to the server, and their DICOM codes."""
from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .refusal import Refusal


@dataclass(frozen=True)
class Code:
    """A coded concept of DICOM PS3.16."""

    value: str
    scheme: str
    meaning: str

    def as_json(self) -> dict[str, str]:
        return {'value': self.value, 'scheme': self.scheme, 'meaning': self.meaning}


# PS3.16: CID 7150 for the categories, CID 7151 and 7159 for the types.
ANATOMY = Code('123037004', 'SCT', 'Anatomical Structure')
MORPHOLOGY = Code('49755003', 'SCT', 'Morphologically Abnormal Structure')
LIVER = Code('10200004', 'SCT', 'Liver')
LESION = Code('52988006', 'SCT', 'Lesion')
_MASS = Code('4147007', 'SCT', 'Mass')
_NODULE = Code('27925004', 'SCT', 'Nodule')
_NEOPLASM = Code('108369006', 'SCT', 'Neoplasm')
_PRIMARY = Code('86049000', 'SCT', 'Neoplasm, Primary')
_SECONDARY = Code('14799000', 'SCT', 'Neoplasm, Secondary')
_CYST = Code('367643001', 'SCT', 'Cyst')

KINDS = ('background', 'liver', 'lesion', 'other')
_LIVER_NAMES = re.compile(r'(healthy |normal |whole )?(liver|hepar|hepatic parenchyma|leber|foie|higado|fegato)( parenchyma| segment \w+| \d+)?')
_LESION_NAMES = {
    r'lesions?': LESION,
    r'mass(es)?': _MASS,
    r'nodules?': _NODULE,
    r'tumou?rs?|neoplasms?|cancers?': _NEOPLASM,
    r'hcc|hepatocellular carcinomas?|cholangiocarcinomas?|icc|primary tumou?rs?': _PRIMARY,
    r'metastas[ei]s|mets|crlm|colorectal metastas[ei]s': _SECONDARY,
    r'cysts?': _CYST,
}
# Structures that the result leaves out: they need no code.
_OTHER_NAMES = re.compile(
    r'(left |right )?(kidney|adrenal gland|lung|femur|hip|atrium|ventricle)s?( left| right)?|spleen|pancreas|gall ?bladder|stomach|duodenum|'
    r'(small |large )?bowel|colon|o?esophagus|aorta|postcava|inferior vena cava|ivc|(portal|hepatic|splenic)( and splenic)? veins?|'
    r'portal vein and splenic vein|(hepatic |liver )?vessels?|bile ducts?|(urinary )?bladder|prostate|uterus|heart|bones?|ribs?|spine|vertebrae?|'
    r'spinal cord|muscles?|fat|skin|body|trunk|other( organs)?'
)


@dataclass(frozen=True)
class Label:
    """What one channel of a network stands for."""

    name: str
    kind: str
    code: Code | None = None


def parse_code(text: str) -> Code:
    parts = text.split(':', 2)
    if len(parts) != 3 or not all(parts) or len(parts[2]) > 64:
        raise Refusal(f"'{text}' is no code: say VALUE:SCHEME:MEANING, such as 4147007:SCT:Mass")
    return Code(*parts)


def named_kinds(assignments: Iterable[str]) -> dict[str, str]:
    """NAME=KIND from the command line."""
    kinds = {}
    for assignment in assignments:
        name, _, kind = assignment.rpartition('=')
        if not name or kind not in KINDS[1:]:
            raise Refusal(f"'{assignment}' says of no label what it is: NAME=liver, NAME=lesion or NAME=other")
        kinds[name] = kind
    return kinds


def label_of(name: str, kinds: dict[str, str]) -> Label:
    """A label by what was said of it, or else by its name. Without a code it is refused."""
    words = re.sub(r'[\s_\-.]+', ' ', name).strip().lower()
    found = _by_name(words)
    kind = kinds.get(name)
    if kind is None and found is None:
        raise Refusal(f"the label '{name}' has no DICOM code here: say what it is with --label '{name}=lesion' (or liver, or other to leave it out)")
    if kind is None or (found is not None and found.kind == kind):
        return Label(name, found.kind, found.code)
    return Label(name, kind, {'liver': LIVER, 'lesion': LESION}.get(kind))


def labels_of(names: Iterable[str], assignments: Iterable[str]) -> list[Label]:
    """@param names of the channels in their order"""
    names = list(names)
    kinds = named_kinds(assignments)
    unknown = [name for name in kinds if name not in names]
    if unknown:
        raise Refusal(f"there is no label '{unknown[0]}'; there are: {', '.join(names)}")
    labels = [label_of(name, kinds) for name in names]
    for kind in ('liver', 'lesion'):
        if not any(label.kind == kind for label in labels):
            raise Refusal(f"no label is a {kind} ({', '.join(names)}): say which with --label NAME={kind}")
    return labels


def manifest_labels(labels: Iterable[Label], lesion_code: str | None) -> dict:
    """The manifest's codes. Lesions of several codes get the one that is true of all."""
    codes = {label.code for label in labels if label.kind == 'lesion'}
    lesion = parse_code(lesion_code) if lesion_code else codes.pop() if len(codes) == 1 else LESION
    return {
        'liver': {'category': ANATOMY.as_json(), 'type': LIVER.as_json()},
        'lesion': {'category': MORPHOLOGY.as_json(), 'type': lesion.as_json(), 'anatomicRegion': LIVER.as_json()},
    }


def _by_name(words: str) -> Label | None:
    if words == 'background':
        return Label(words, 'background')
    if _LIVER_NAMES.fullmatch(words):
        return Label(words, 'liver', LIVER)
    for pattern, code in _LESION_NAMES.items():
        if re.fullmatch(f'(?:(?:liver|hepatic) )?(?:{pattern})', words):
            return Label(words, 'lesion', code)
    return Label(words, 'other') if _OTHER_NAMES.fullmatch(words) else None
