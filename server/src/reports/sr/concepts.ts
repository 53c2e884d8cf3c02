import type { Code } from '../../dicom/codes.ts';

const dcm = (value: string, meaning: string): Code => ({ value, scheme: 'DCM', meaning });
const sct = (value: string, meaning: string): Code => ({ value, scheme: 'SCT', meaning });
const ucum = (value: string, meaning: string): Code => ({ value, scheme: 'UCUM', meaning });

/** Concept names and values of the report, from PS3.16: TID 1500 and what it includes. */
export const CONCEPTS = {
  // TID 1500, 1204, 1001, 1004, 1600 to 1602
  imagingMeasurementReport: dcm('126000', 'Imaging Measurement Report'),
  imagingMeasurements: dcm('126010', 'Imaging Measurements'),
  language: dcm('121049', 'Language of Content Item and Descendants'),
  english: { value: 'en', scheme: 'RFC5646', meaning: 'English' },
  procedureReported: dcm('121058', 'Procedure reported'),
  ctUnspecified: { value: '25045-6', scheme: 'LN', meaning: 'CT unspecified body region' },
  observerType: dcm('121005', 'Observer Type'),
  device: dcm('121007', 'Device'),
  person: dcm('121006', 'Person'),
  personObserverName: dcm('121008', 'Person Observer Name'),
  deviceObserverUid: dcm('121012', 'Device Observer UID'),
  deviceObserverName: dcm('121013', 'Device Observer Name'),
  deviceObserverManufacturer: dcm('121014', 'Device Observer Manufacturer'),
  deviceObserverModelName: dcm('121015', 'Device Observer Model Name'),
  deviceObserverSerialNumber: dcm('121016', 'Device Observer Serial Number'),
  imageLibrary: dcm('111028', 'Image Library'),
  imageLibraryGroup: dcm('126200', 'Image Library Group'),
  modality: dcm('121139', 'Modality'),
  computedTomography: dcm('CT', 'Computed Tomography'),
  targetRegion: dcm('123014', 'Target Region'),
  frameOfReferenceUid: dcm('112227', 'Frame of Reference UID'),
  comment: dcm('121106', 'Comment'),
  summary: dcm('121111', 'Summary'),
  // CID 29: what kind of content a review is
  contentAssessmentResult: dcm('ASMT', 'Content Assessment Result'),
  // TID 1411, 1501, 1419, 300, 320, 4019
  measurementGroup: dcm('125007', 'Measurement Group'),
  trackingIdentifier: dcm('112039', 'Tracking Identifier'),
  trackingUniqueIdentifier: dcm('112040', 'Tracking Unique Identifier'),
  finding: dcm('121071', 'Finding'),
  findingSite: sct('363698007', 'Finding Site'),
  algorithmName: dcm('111001', 'Algorithm Name'),
  algorithmVersion: dcm('111003', 'Algorithm Version'),
  algorithmParameters: dcm('111002', 'Algorithm Parameters'),
  referencedSegment: dcm('121191', 'Referenced Segment'),
  sourceSeriesForSegmentation: dcm('121232', 'Source series for segmentation'),
  sourceOfMeasurement: dcm('121112', 'Source of Measurement'),
  derivation: dcm('121401', 'Derivation'),
  // CID 7469, 7464, 240
  volume: sct('118565006', 'Volume'),
  longAxis: sct('103339001', 'Long Axis'),
  shortAxis: sct('103340004', 'Short Axis'),
  attenuation: dcm('112031', 'Attenuation Coefficient'),
  certaintyOfFinding: dcm('111012', 'Certainty of Finding'),
  numberOfLesions: sct('246206008', 'Number of lesions'),
  mean: sct('373098007', 'Mean'),
  standardDeviation: sct('386136009', 'Standard Deviation'),
  total: sct('255619001', 'Total'),
  present: sct('52101004', 'Present'),
  absent: sct('272519000', 'Absent'),
} as const satisfies Record<string, Code>;

export const UNITS = {
  millilitre: ucum('ml', 'milliliter'),
  millimetre: ucum('mm', 'millimeter'),
  hounsfield: ucum("[hnsf'U]", 'Hounsfield unit'),
  percent: ucum('%', 'percent'),
  days: ucum('d', 'day'),
  lesions: ucum('{lesions}', 'lesions'),
} as const satisfies Record<string, Code>;
