import type { RawElement } from '../dicom/dataset.ts';
import { writePart10 } from '../dicom/write.ts';
import type { Vec3 } from '../volume/volume.ts';
import type { Geometry } from './geometry.ts';

/** CT Image Storage, PS3.4 table B.5-1. */
export const CT_IMAGE_STORAGE = '1.2.840.10008.5.1.4.1.1.2';

/** How HU are stored: stored value = (HU - intercept) / slope. */
export interface PixelFormat {
  readonly signed: boolean;
  /** 12 to 16. */
  readonly bitsStored: number;
  readonly rescaleIntercept: number;
  readonly rescaleSlope: number;
}

/** What a CT image says beside its pixels. */
export interface CtImageHeader {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly frameOfReferenceUid: string;
  readonly sopInstanceUid: string;
  readonly instanceNumber: number;
  readonly positionMm: Vec3;
  readonly geometry: Geometry;
  readonly pixelFormat: PixelFormat;
  readonly patientId: string;
  /** Attributes by keyword that take the place of the usual ones; undefined leaves an attribute out. ASCII. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Elements that go in byte for byte, e.g. names with their Specific Character Set. */
  readonly raw: readonly RawElement[];
}

/**
 * Writes one slice as a Part 10 file of the CT Image IOD: PS3.3 section A.3.
 * @param hu [rows, columns] with columns fastest; what the pixel format cannot hold is clipped
 */
export function writeCtImage(hu: Float32Array, header: CtImageHeader): Uint8Array {
  const { geometry, pixelFormat } = header;
  const { signed, bitsStored, rescaleIntercept, rescaleSlope } = pixelFormat;
  const dataset: Record<string, unknown> = {
    ImageType: ['ORIGINAL', 'PRIMARY', 'AXIAL'],
    StudyDate: '20260101',
    SeriesDate: '20260101',
    AcquisitionDate: '20260101',
    ContentDate: '20260101',
    StudyTime: '120000',
    SeriesTime: '120000',
    AcquisitionTime: '120000',
    ContentTime: '120000',
    AccessionNumber: '',
    Modality: 'CT',
    Manufacturer: 'Hepar phantom',
    ManufacturerModelName: 'Hepar phantom',
    SoftwareVersions: '1',
    ReferringPhysicianName: '',
    StudyDescription: 'Synthetic abdomen, no patient',
    SeriesDescription: 'Phantom, portal venous (synthetic)',
    PatientName: 'Phantom^Hepar',
    PatientID: header.patientId,
    PatientBirthDate: '',
    PatientSex: 'O',
    PatientComments: 'Made by code; shows no real person.',
    BodyPartExamined: 'ABDOMEN',
    SliceThickness: decimal(geometry.sliceSpacingMm),
    KVP: 120,
    PatientPosition: geometry.patientPosition,
    ContrastBolusAgent: 'Simulated',
    StudyInstanceUID: header.studyInstanceUid,
    SeriesInstanceUID: header.seriesInstanceUid,
    StudyID: '1',
    SeriesNumber: 1,
    AcquisitionNumber: 1,
    InstanceNumber: header.instanceNumber,
    ImagePositionPatient: header.positionMm.map(decimal),
    ImageOrientationPatient: [...geometry.rowDirection, ...geometry.columnDirection].map(decimal),
    FrameOfReferenceUID: header.frameOfReferenceUid,
    PositionReferenceIndicator: '',
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    Rows: geometry.rows,
    Columns: geometry.columns,
    PixelSpacing: geometry.pixelSpacingMm.map(decimal),
    BitsAllocated: 16,
    BitsStored: bitsStored,
    HighBit: bitsStored - 1,
    PixelRepresentation: signed ? 1 : 0,
    WindowCenter: 60,
    WindowWidth: 400,
    RescaleIntercept: decimal(rescaleIntercept),
    RescaleSlope: decimal(rescaleSlope),
    RescaleType: 'HU',
    ...header.attributes,
  };
  for (const [keyword, value] of Object.entries(dataset)) if (value === undefined) delete dataset[keyword];
  const pixels: RawElement = { tag: '7fe00010', vr: 'OW', value: storedBytes(hu, pixelFormat) };
  return writePart10(
    { ...dataset, SOPClassUID: CT_IMAGE_STORAGE, SOPInstanceUID: header.sopInstanceUid },
    { raw: [...header.raw, pixels] },
  );
}

/** Decimal String (DS): at most 16 characters, no exponent. PS3.5 section 6.2. */
function decimal(value: number): string {
  return String(Number(value.toFixed(10 - Math.max(0, String(Math.trunc(value)).length - 2))));
}

/** Stored values, 16 bits little endian. */
function storedBytes(
  hu: Float32Array,
  { signed, bitsStored, rescaleIntercept, rescaleSlope }: PixelFormat,
): Uint8Array {
  const lowest = signed ? -(2 ** (bitsStored - 1)) : 0;
  const highest = lowest + 2 ** bitsStored - 1;
  const mask = 2 ** bitsStored - 1;
  const bytes = new Uint8Array(2 * hu.length);
  for (let i = 0; i < hu.length; i++) {
    const value = Math.round((hu[i]! - rescaleIntercept) / rescaleSlope);
    const stored = Math.min(Math.max(value, lowest), highest) & (signed ? 0xffff : mask);
    bytes[2 * i] = stored & 255;
    bytes[2 * i + 1] = (stored >> 8) & 255;
  }
  return bytes;
}
