import { CODES } from '../dicom/codes.ts';
import type { RawElement } from '../dicom/dataset.ts';
import type { CtSeries } from '../volume/series.ts';
import { codeItem } from './code-item.ts';
import { type DicomDateTime, dicomDateTime } from './date-time.ts';
import { patientAndStudy } from './patient-study.ts';
import { MANUFACTURER } from './provenance.ts';
import type { ModelDescription } from './seg/segments.ts';
import { dicomText } from './text.ts';
import { modelUid, type ObjectKind, objectUids } from './uids.ts';

/** What every object of a run takes from the run. */
export interface CompositeInput {
  readonly runId: string;
  readonly series: Pick<CtSeries, 'studyInstanceUid' | 'header'>;
  /** SHA-256 of the model, hexadecimal. */
  readonly modelDigest: string;
  /** The model, where it has a part in the object. */
  readonly manifest?: Pick<ModelDescription, 'name' | 'version'>;
  /** Version of this software. */
  readonly softwareVersion: string;
  /** When the run's objects were first made; a retry gives the same time. */
  readonly createdAt: Date;
}

export interface ObjectDescription {
  readonly kind: ObjectKind;
  /** Number of the instance in its series, from 1. */
  readonly number?: number;
  readonly sopClassUid: string;
  readonly modality: string;
  readonly seriesDescription: string;
}

/** By its thousand, results stand behind the scanner's own series in a viewer's list, and in this order. */
const SERIES_THOUSAND: Readonly<Record<ObjectKind, number>> = {
  seg: 1,
  sr: 2,
  capture: 3,
  'liver-seg': 4,
  probability: 5,
  mask: 6,
  rtstruct: 7,
  review: 8,
};

export interface Composite {
  /** Patient, Study, Series, Equipment and SOP Common Modules (PS3.3 chapter C), by keyword. */
  readonly attributes: Readonly<Record<string, unknown>> & {
    readonly SOPClassUID: string;
    readonly SOPInstanceUID: string;
  };
  /** Elements of the source that are copied as they are. */
  readonly raw: readonly RawElement[];
  readonly created: DicomDateTime;
}

/** The modules that all composite objects of ours have in common. */
export function composite(input: CompositeInput, object: ObjectDescription): Composite {
  const { series } = input;
  const copied = patientAndStudy(series.header);
  const created = dicomDateTime(input.createdAt, series.header);
  const uids = objectUids(input.runId, object.kind, object.number);
  return {
    raw: copied.raw,
    created,
    attributes: {
      ...copied.attributes,
      StudyInstanceUID: series.studyInstanceUid,

      // SOP Common, PS3.3 section C.12.1
      SOPClassUID: object.sopClassUid,
      SOPInstanceUID: uids.sopInstanceUID,
      InstanceCreationDate: created.date,
      InstanceCreationTime: created.time,

      // General Series, section C.7.3.1
      Modality: object.modality,
      SeriesInstanceUID: uids.seriesInstanceUID,
      SeriesNumber: seriesNumber(series, SERIES_THOUSAND[object.kind] * 1000),
      SeriesDate: created.date,
      SeriesTime: created.time,
      SeriesDescription: dicomText(object.seriesDescription, 64),
      InstanceNumber: String(object.number ?? 1),

      // Enhanced General Equipment, section C.7.5.2
      Manufacturer: MANUFACTURER,
      ManufacturerModelName: 'Hepar companion server',
      // Type 1 for software too: the model is what makes one such device differ from another.
      DeviceSerialNumber: input.modelDigest,
      SoftwareVersions: dicomText(input.softwareVersion, 64),
      ...(input.manifest ? contributingEquipment(input.manifest, input.modelDigest) : {}),
    },
  };
}

/**
 * The algorithm as equipment that had a part in the object (PS3.3 section C.12.1), as IHE's profile AI Results has it (RAD
 * TF-3 section 6.5.3.1): name, version and UID are those of the report's Device Observer and Algorithm Identification.
 */
function contributingEquipment({ name, version }: Pick<ModelDescription, 'name' | 'version'>, digest: string): object {
  return {
    ContributingEquipmentSequence: [
      {
        PurposeOfReferenceCodeSequence: [codeItem(CODES.processingEquipment)],
        Manufacturer: MANUFACTURER,
        ManufacturerModelName: dicomText(name, 64),
        SoftwareVersions: dicomText(version, 64),
        DeviceUID: modelUid(digest),
      },
    ],
  };
}

/** The thousand alone where the source has no usable number. */
function seriesNumber({ header }: Pick<CtSeries, 'header'>, base: number): string {
  const source = header.number('00200011');
  return String(source !== null && Number.isInteger(source) && source >= 0 && source < 1e9 ? base + source : base);
}
