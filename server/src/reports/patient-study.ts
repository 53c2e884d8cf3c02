import type { Dataset, RawElement, Tag } from '../dicom/dataset.ts';

/**
 * Attributes by which an archive knows the patient and the study, with their Specific Character Set. They are copied
 * byte for byte, whatever is in them: an archive keys a study by them, and a result whose Patient ID differs by as
 * little as its padding becomes a second study. Those of type 2 must be there: an absent one is written empty.
 */
const IDENTITY: readonly { readonly tag: Tag; readonly keyword: string; readonly type: 2 | 3 }[] = [
  { tag: '00080005', keyword: 'SpecificCharacterSet', type: 3 },
  { tag: '00080201', keyword: 'TimezoneOffsetFromUTC', type: 3 },
  // Patient, PS3.3 section C.7.1.1
  { tag: '00100010', keyword: 'PatientName', type: 2 },
  { tag: '00100020', keyword: 'PatientID', type: 2 },
  { tag: '00100021', keyword: 'IssuerOfPatientID', type: 3 },
  { tag: '00100030', keyword: 'PatientBirthDate', type: 2 },
  { tag: '00100032', keyword: 'PatientBirthTime', type: 3 },
  { tag: '00100040', keyword: 'PatientSex', type: 2 },
  { tag: '00101000', keyword: 'OtherPatientIDs', type: 3 },
  { tag: '00101001', keyword: 'OtherPatientNames', type: 3 },
  // General Study, section C.7.2.1; its UID is the series' own
  { tag: '00080020', keyword: 'StudyDate', type: 2 },
  { tag: '00080030', keyword: 'StudyTime', type: 2 },
  { tag: '00080050', keyword: 'AccessionNumber', type: 2 },
  { tag: '00080090', keyword: 'ReferringPhysicianName', type: 2 },
  { tag: '0008009c', keyword: 'ConsultingPhysicianName', type: 3 },
  { tag: '00081030', keyword: 'StudyDescription', type: 3 },
  { tag: '00081048', keyword: 'PhysiciansOfRecord', type: 3 },
  { tag: '00081060', keyword: 'NameOfPhysiciansReadingStudy', type: 3 },
  { tag: '00200010', keyword: 'StudyID', type: 2 },
  // Frame of Reference, section C.7.4.1
  { tag: '00201040', keyword: 'PositionReferenceIndicator', type: 2 },
];

/**
 * Attributes of the same modules and of Patient Study (section C.7.2.2) that no archive keys by: copied byte for byte
 * where they are well formed.
 * Scanners and anonymisers write ages like '45' and over-long decimals; these stay with the source.
 */
const OPTIONAL: readonly Tag[] = [
  '00081080', // Admitting Diagnoses Description
  '00100200', // Quality Control Subject
  '00101010', // Patient's Age
  '00101020', // Patient's Size
  '00101030', // Patient's Weight
  '00102000', // Medical Alerts
  '00102110', // Allergies
  '00102160', // Ethnic Group
  '00102180', // Occupation
  '001021a0', // Smoking Status
  '001021b0', // Additional Patient History
  '001021c0', // Pregnancy Status
  '00102203', // Patient's Sex Neutered
  '00104000', // Patient Comments
  '00120062', // Patient Identity Removed
  '00280303', // Longitudinal Temporal Information Modified
];

/** Enumerated values of the optional ones. */
const ENUMERATED: Readonly<Record<Tag, readonly string[]>> = {
  '00100200': ['YES', 'NO'],
  '001021a0': ['YES', 'NO', 'UNKNOWN'],
  '00102203': ['ALTERED', 'UNALTERED'],
  '00120062': ['YES', 'NO'],
  '00280303': ['UNMODIFIED', 'MODIFIED', 'REMOVED'],
};

/** What a result object takes over from its source. */
export interface PatientAndStudy {
  /** Elements to be written as they are. */
  readonly raw: readonly RawElement[];
  /** What the standard requires beside them, by keyword. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** The patient and study attributes of a source slice, for an object that must land in the same study. */
export function patientAndStudy(header: Dataset): PatientAndStudy {
  const raw: RawElement[] = [];
  const attributes: Record<string, unknown> = {};
  for (const { tag, keyword, type } of IDENTITY) {
    const element = header.raw(tag);
    if (element) raw.push(element);
    else if (type === 2) attributes[keyword] = '';
  }
  for (const tag of OPTIONAL) {
    const element = header.raw(tag);
    if (element && isWellFormed(element)) raw.push(element);
  }
  const others = [deidentification(header), clinicalTrial(header)];
  return {
    raw: [...raw, ...others.flatMap((part) => part.raw)],
    attributes: Object.assign(attributes, ...others.map((part) => part.attributes)),
  };
}

/** How identity was removed: where it was, the standard wants a method, as text or as codes (section C.7.1.1). */
function deidentification(header: Dataset): PatientAndStudy {
  const text = stated(header, '00120063');
  const codes = header.items('00120064').map(copiedCode);
  const hasCodes = codes.length > 0 && codes.every((code) => code !== null);
  const isOpen = text.length === 0 && !hasCodes && header.text('00120062') === 'YES';
  return {
    raw: text,
    attributes: {
      ...(hasCodes ? { DeidentificationMethodCodeSequence: codes } : {}),
      ...(isOpen ? { DeidentificationMethod: 'Not stated by the source' } : {}),
    },
  };
}

/**
 * The Clinical Trial Subject and Study Modules (sections C.7.1.3 and C.7.2.3), each only where what it requires is
 * stated: anonymisers leave single, empty elements of them behind.
 */
function clinicalTrial(header: Dataset): PatientAndStudy {
  const isStated = (tag: Tag) => stated(header, tag).length > 0;
  const hasSubject = isStated('00120010') && isStated('00120020') && (isStated('00120040') || isStated('00120042'));
  const hasEvent = isStated('00120053') && header.number('00120052') !== null;
  const subject = hasSubject ? TRIAL_SUBJECT.flatMap((tag) => stated(header, tag)) : [];
  const study = [
    ...TRIAL_TIME_POINT.flatMap((tag) => stated(header, tag)),
    ...(hasEvent ? TRIAL_EVENT.flatMap((tag) => header.raw(tag) ?? []) : []),
  ];
  const type2 = [
    ...(subject.length > 0 ? TRIAL_SUBJECT_TYPE_2 : []),
    ...(study.length > 0 ? ([['00120050', 'ClinicalTrialTimePointID']] as const) : []),
  ];
  return {
    raw: [...subject, ...study],
    attributes: Object.fromEntries(type2.filter(([tag]) => !isStated(tag)).map(([, keyword]) => [keyword, ''])),
  };
}

const TRIAL_SUBJECT: readonly Tag[] = [
  '00120010', // Clinical Trial Sponsor Name
  '00120020', // Clinical Trial Protocol ID
  '00120021', // Clinical Trial Protocol Name
  '00120030', // Clinical Trial Site ID
  '00120031', // Clinical Trial Site Name
  '00120040', // Clinical Trial Subject ID
  '00120042', // Clinical Trial Subject Reading ID
];
const TRIAL_SUBJECT_TYPE_2: readonly (readonly [Tag, string])[] = [
  ['00120021', 'ClinicalTrialProtocolName'],
  ['00120030', 'ClinicalTrialSiteID'],
  ['00120031', 'ClinicalTrialSiteName'],
];
const TRIAL_TIME_POINT: readonly Tag[] = [
  '00120050', // Clinical Trial Time Point ID
  '00120051', // Clinical Trial Time Point Description
];
const TRIAL_EVENT: readonly Tag[] = [
  '00120052', // Longitudinal Temporal Offset from Event
  '00120053', // Longitudinal Temporal Event Type
];

/** The element, unless it is absent or holds nothing but blanks. */
function stated(header: Dataset, tag: Tag): RawElement[] {
  const element = header.raw(tag);
  return element?.value.some((byte) => byte !== 0x20 && byte !== 0) ? [element] : [];
}

/** A code sequence item; null when it lacks one of the parts that every code has. */
function copiedCode(item: Dataset): object | null {
  const value = item.text('00080100');
  const scheme = item.text('00080102');
  const meaning = item.text('00080104');
  if (!value || !scheme || !meaning) return null;
  const version = item.text('00080103');
  return {
    CodeValue: value,
    CodingSchemeDesignator: scheme,
    ...(version ? { CodingSchemeVersion: version } : {}),
    CodeMeaning: meaning,
  };
}

/** Whether text of a restricted form has that form (PS3.5 section 6.2); other VRs pass. */
function isWellFormed({ tag, vr, value }: RawElement): boolean {
  const text = Buffer.from(value).toString('latin1');
  const values = text.split('\\');
  const [form, longest, allowed] = [FORMS[vr], LONGEST[vr], ENUMERATED[tag]];
  // Lengths are counted in characters, of which other character sets need several bytes.
  const isAscii = /^[\x20-\x7e]*$/.test(text);
  if (isAscii && longest !== undefined && values.some((each) => each.length > longest)) return false;
  if (allowed !== undefined && !allowed.includes(text.trim()) && text.trim() !== '') return false;
  return form === undefined || values.every((each) => form.test(each) || each.trim() === '');
}

const FORMS: Readonly<Record<string, RegExp>> = {
  AS: /^\d{3}[DWMY]$/,
  DS: /^ *[+-]?(\d+\.?\d*|\.\d+)(E[+-]?\d+)? *$/i,
  CS: /^[A-Z0-9 _]*$/,
};
const LONGEST: Readonly<Record<string, number>> = { DS: 16, CS: 16, SH: 16, LO: 64 };
