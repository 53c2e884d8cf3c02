import type { Dataset, Tag } from '../dicom/dataset.ts';

/**
 * What one frame says about itself, wherever it says so: a single-frame CT image in its dataset, a frame of an enhanced
 * one in its functional groups (PS3.3 section C.7.6.16), per-frame before shared. What is absent reads as null or [].
 */
export interface FrameHeader {
  /** Image Type or CT Image Frame Type, upper case. */
  readonly imageType: readonly string[];
  /** Volume Based Calculation Technique, of enhanced images: NONE, MPR, MAX_IP, … */
  readonly volumeTechnique: string | null;
  readonly position: readonly number[];
  readonly orientation: readonly number[];
  /** Pixel Spacing: between rows, between columns. */
  readonly pixelSpacing: readonly number[];
  readonly sliceThickness: number | null;
  readonly rescaleSlope: number | null;
  readonly rescaleIntercept: number | null;
  readonly rescaleType: string | null;
  readonly gantryTilt: number | null;
  readonly instanceNumber: number | null;
  /** Whether a decimal string (VR DS) that the volume rests on has more than 16 characters (PS3.5 section 6.2). */
  readonly hasOverlongDecimal: boolean;
  /** What tells the phases of one series apart: a name for the technologist, and its value in this frame. */
  readonly phaseMarks: readonly PhaseMark[];
}

export interface PhaseMark {
  readonly name: string;
  readonly value: string;
}

/** Functional group sequences (PS3.3 section C.7.6.16.2 and C.8.15.3). */
const GROUP = {
  frameContent: '00209111',
  planePosition: '00209113',
  planeOrientation: '00209116',
  pixelMeasures: '00289110',
  pixelValueTransformation: '00289145',
  ctFrameType: '00189329',
  ctAcquisitionDetails: '00189304',
  ctReconstruction: '00189314',
  ctXRayDetails: '00189325',
  cardiacSynchronization: '00189118',
} as const;

/** Decimal strings that the volume rests on, with their functional groups. */
const DECIMALS: readonly (readonly [group: Tag, attribute: Tag])[] = [
  [GROUP.planePosition, '00200032'],
  [GROUP.planeOrientation, '00200037'],
  [GROUP.pixelMeasures, '00280030'],
  [GROUP.pixelMeasures, '00180050'],
  [GROUP.pixelValueTransformation, '00281052'],
  [GROUP.pixelValueTransformation, '00281053'],
];

/** @param frame 0-based */
export function readFrameHeader(dataset: Dataset, frame: number): FrameHeader {
  const from = lookUp(dataset, frame);
  const frameType = from(GROUP.ctFrameType, '00089007').texts('00089007');
  return {
    imageType: (frameType.length > 0 ? frameType : dataset.texts('00080008')).map((value) =>
      value.trim().toUpperCase(),
    ),
    volumeTechnique: from(GROUP.ctFrameType, '00089207').text('00089207'),
    position: from(GROUP.planePosition, '00200032').numbers('00200032'),
    orientation: from(GROUP.planeOrientation, '00200037').numbers('00200037'),
    pixelSpacing: from(GROUP.pixelMeasures, '00280030').numbers('00280030'),
    sliceThickness: from(GROUP.pixelMeasures, '00180050').number('00180050'),
    rescaleSlope: from(GROUP.pixelValueTransformation, '00281053').number('00281053'),
    rescaleIntercept: from(GROUP.pixelValueTransformation, '00281052').number('00281052'),
    rescaleType: from(GROUP.pixelValueTransformation, '00281054').text('00281054'),
    gantryTilt: from(GROUP.ctAcquisitionDetails, '00181120').number('00181120'),
    instanceNumber: dataset.number('00200013'),
    hasOverlongDecimal: DECIMALS.some(([group, tag]) => longestDecimal(from(group, tag), tag) > 16),
    phaseMarks: [
      mark('temporal position', from(GROUP.frameContent, '00209128').number('00209128')),
      mark('temporal position', dataset.number('00200100')),
      mark('acquisition number', from(GROUP.frameContent, '00209156').number('00209156')),
      mark('acquisition number', dataset.number('00200012')),
      mark('cardiac phase', from(GROUP.cardiacSynchronization, '00209241').number('00209241')),
      mark('tube voltage', from(GROUP.ctXRayDetails, '00180060').number('00180060')),
      mark('reconstruction kernel', from(GROUP.ctReconstruction, '00181210').text('00181210')),
    ].flat(),
  };
}

/** The dataset that holds a frame's attribute: an item of its functional groups, else the image's own top level. */
export function lookUp(dataset: Dataset, frame: number): (group: Tag, attribute: Tag) => Dataset {
  const perFrame = dataset.items('52009230')[frame];
  const shared = dataset.items('52009229')[0];
  return (group, attribute) =>
    [perFrame, shared].map((groups) => groups?.items(group)[0]).find((item) => item?.has(attribute)) ?? dataset;
}

function mark(name: string, value: string | number | null): PhaseMark[] {
  return value === null || value === '' ? [] : [{ name, value: String(value) }];
}

function longestDecimal(dataset: Dataset, tag: Tag): number {
  const raw = dataset.raw(tag);
  if (raw === null || raw.vr !== 'DS') return 0;
  const values = Buffer.from(raw.value.buffer, raw.value.byteOffset, raw.value.byteLength).toString('latin1');
  return Math.max(...values.split('\\').map((value) => value.trim().length));
}
