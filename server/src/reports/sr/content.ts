import type { Code } from '../../dicom/codes.ts';
import type { Vec3 } from '../../volume/volume.ts';
import { codeItem } from '../code-item.ts';
import { decimalString, dicomText } from '../text.ts';

/** A content item of a structured report without its place in the tree (PS3.3 section C.17.3). */
export interface Item {
  readonly ValueType: string;
  readonly ContentSequence?: readonly object[];
}
type Relationship = 'CONTAINS' | 'HAS OBS CONTEXT' | 'HAS ACQ CONTEXT' | 'HAS CONCEPT MOD' | 'INFERRED FROM';

/** An object that a report refers to. */
export interface Reference {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly frameNumber?: number | null;
  readonly segmentNumber?: number;
}

/** Items as the children of another one. */
export function related(relationship: Relationship, items: readonly Item[]): object[] {
  return items.map((item) => ({ RelationshipType: relationship, ...item }));
}

/** @param template number of the template that the container follows (PS3.16) */
export function container(concept: Code, template: string | null, children: readonly object[]): Item {
  return {
    ValueType: 'CONTAINER',
    ConceptNameCodeSequence: [codeItem(concept)],
    ContinuityOfContent: 'SEPARATE',
    ...(template === null
      ? {}
      : { ContentTemplateSequence: [{ MappingResource: 'DCMR', TemplateIdentifier: template }] }),
    ContentSequence: children,
  } as Item;
}

export function code(concept: Code, value: Code, modifiers: readonly object[] = []): Item {
  return {
    ValueType: 'CODE',
    ConceptNameCodeSequence: [codeItem(concept)],
    ConceptCodeSequence: [codeItem(value)],
    ...children(modifiers),
  } as Item;
}

export function text(concept: Code, value: string): Item {
  return {
    ValueType: 'TEXT',
    ConceptNameCodeSequence: [codeItem(concept)],
    TextValue: dicomText(value, 10240),
  } as Item;
}

/** @param name as one component */
export function personName(concept: Code, name: string): Item {
  return {
    ValueType: 'PNAME',
    ConceptNameCodeSequence: [codeItem(concept)],
    PersonName: [{ Alphabetic: name }],
  } as Item;
}

export function uidReference(concept: Code, uid: string): Item {
  return { ValueType: 'UIDREF', ConceptNameCodeSequence: [codeItem(concept)], UID: uid } as Item;
}

/** A number with its unit (UCUM). */
export function numeric(concept: Code, value: number, unit: Code, properties: readonly object[] = []): Item {
  return {
    ValueType: 'NUM',
    ConceptNameCodeSequence: [codeItem(concept)],
    MeasuredValueSequence: [{ NumericValue: decimalString(value), MeasurementUnitsCodeSequence: [codeItem(unit)] }],
    ...children(properties),
  } as Item;
}

export function image(concept: Code | null, reference: Reference): Item {
  const { sopClassUid, sopInstanceUid, frameNumber, segmentNumber } = reference;
  return {
    ValueType: 'IMAGE',
    ...(concept === null ? {} : { ConceptNameCodeSequence: [codeItem(concept)] }),
    ReferencedSOPSequence: [
      {
        ReferencedSOPClassUID: sopClassUid,
        ReferencedSOPInstanceUID: sopInstanceUid,
        ...(frameNumber === undefined || frameNumber === null ? {} : { ReferencedFrameNumber: String(frameNumber) }),
        ...(segmentNumber === undefined ? {} : { ReferencedSegmentNumber: segmentNumber }),
      },
    ],
  } as Item;
}

/** An open line in the patient (mm, LPS). */
export function polyline3d(concept: Code, frameOfReferenceUid: string, pointsMm: readonly Vec3[]): Item {
  return {
    ValueType: 'SCOORD3D',
    ConceptNameCodeSequence: [codeItem(concept)],
    GraphicData: pointsMm.flat(),
    GraphicType: 'POLYLINE',
    ReferencedFrameOfReferenceUID: frameOfReferenceUid,
  } as Item;
}

function children(items: readonly object[]): object {
  return items.length === 0 ? {} : { ContentSequence: items };
}
