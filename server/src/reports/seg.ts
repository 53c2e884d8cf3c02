import type { RawElement } from '../dicom/dataset.ts';
import { derivedUid, isUid } from '../dicom/uid.ts';
import { writePart10 } from '../dicom/write.ts';
import type { AlgorithmType, Lesion } from '../findings/schema.ts';
import type { EngineInfo } from '../inference/segmentation.ts';
import type { CtSeries } from '../volume/series.ts';
import type { LabelMap } from '../volume/volume.ts';
import { composite } from './composite.ts';
import type { ResultOptions } from './options.ts';
import { MANUFACTURER, type Provenance, provenanceText } from './provenance.ts';
import { type EncodedFrames, encodeBinary, encodeLabelMap, type Frame } from './seg/encode.ts';
import { occupiedFrames } from './seg/frames.ts';
import { InvalidSegmentation } from './seg/invalid.ts';
import { dimensions, perFrameGroups, referencedSeries, sharedGroups } from './seg/references.ts';
import { type ModelDescription, segmentSequence } from './seg/segments.ts';
import { decimalString, dicomText, personName } from './text.ts';
import { type ObjectKind, type ObjectUids, objectUids } from './uids.ts';

export { SEGMENTATION_STORAGE } from './seg/encode.ts';

export interface SegInput extends Provenance {
  readonly series: CtSeries;
  /** On the series' grid: 0 background, 1 liver without its lesions, 1 + n lesion n. */
  readonly segments: LabelMap<Uint16Array>;
  /** lesions[n - 1] is lesion n; empty when none was found. */
  readonly lesions: readonly Lesion[];
  /** Who drew the liver's segment; the model when it is left out. */
  readonly liver?: { readonly algorithmType: AlgorithmType };
  readonly manifest: ModelDescription;
  /** SHA-256 of the model, hexadecimal. */
  readonly modelDigest: string;
  readonly engine: EngineInfo;
  /** Version of this software. */
  readonly softwareVersion: string;
  /** When the run's objects were first made; a retry gives the same time. */
  readonly createdAt: Date;
}

/** Which of the segments have their voxels in the object: all, or those of the lesions, or the liver's. */
export type SegPart = 'all' | 'lesions' | 'liver';

export interface SegForm {
  readonly part: SegPart;
  readonly encoding: ResultOptions['seg'];
  readonly deflated: boolean;
}

const USUAL_FORM: SegForm = { part: 'all', encoding: 'binary', deflated: false };

/** The UIDs of a run's SEG. */
export function segUids(runId: string): ObjectUids {
  return objectUids(runId, 'seg');
}

/**
 * Writes the result as a Part 10 file of the Segmentation IOD (PS3.3 section A.51): BINARY, explicit VR little endian,
 * one frame for each slice that a segment meets, each referring to its source slice. Segments are disjoint: segment 1
 * is the liver without its lesions, also where it has no frame. The same input gives the same bytes.
 *
 * @throws InvalidSegmentation when the standard forbids what was given: labels without a segment, a segment of a
 *   lesion without voxels, nothing segmented at all, a grid that is not the series', a malformed UID
 */
export function buildSeg(input: SegInput, form: SegForm = USUAL_FORM): Uint8Array {
  const { segments, lesions } = input;
  const last = lesions.length + 1;
  const range = { all: { first: 1, last }, lesions: { first: 2, last }, liver: { first: 1, last: 1 } }[form.part];
  const encode = form.encoding === 'binary' ? encodeBinary : encodeLabelMap;
  const encoded = encode(segments, last, range);
  check(input, encoded.frames, form);
  const isLiver = form.part === 'liver';
  return writeSeg(input, encoded, {
    kind: isLiver ? 'liver-seg' : 'seg',
    seriesDescription: `${isLiver ? 'Liver' : 'Liver and lesions'} by Hepar (research use only)`,
    contentLabel: isLiver ? 'LIVER' : 'LIVER_LESIONS',
    contentDescription: isLiver ? 'Liver without its lesions' : found(lesions),
    segments: segmentSequence(isLiver ? [] : lesions, input, form.part, input.liver?.algorithmType),
    deflated: form.deflated,
  });
}

/** Number of frames that a BINARY segmentation of all segments has. */
export function frameCount({ segments, lesions }: SegInput): number {
  const last = lesions.length + 1;
  return occupiedFrames(segments, last, { first: 1, last }).length;
}

/** How an object of the segmentation family differs from the others. */
export interface SegDescription {
  readonly kind: ObjectKind;
  readonly seriesDescription: string;
  readonly contentLabel: string;
  readonly contentDescription: string;
  /** Items of Segment Sequence. */
  readonly segments: readonly object[];
  readonly deflated: boolean;
}

/** What all segmentations of a run have in common, around their frames. */
export function writeSeg(
  input: Omit<SegInput, 'segments' | 'lesions'>,
  encoded: EncodedFrames,
  object: SegDescription,
): Uint8Array {
  const { series } = input;
  const { attributes, raw, created } = composite(input, {
    kind: object.kind,
    sopClassUid: encoded.sopClassUid,
    modality: 'SEG',
    seriesDescription: object.seriesDescription,
  });
  const bySegment = encoded.frames.some(({ segment }) => segment !== null);
  const dataset = {
    ...attributes,

    // Frame of Reference, PS3.3 section C.7.4.1
    FrameOfReferenceUID: series.frameOfReferenceUid,

    ...imageAttributes(input, encoded, object),
    ContentDate: created.date,
    ContentTime: created.time,

    // Multi-frame Functional Groups and Dimension, sections C.7.6.16 and C.7.6.17
    NumberOfFrames: String(encoded.frames.length),
    ...dimensions(derivedUid('hepar', input.runId, `${object.kind}-dimensions`), bySegment),
    SharedFunctionalGroupsSequence: [sharedGroups(series)],
    PerFrameFunctionalGroupsSequence: perFrameGroups(series, encoded.frames),

    // Common Instance Reference, section C.12.2
    ReferencedSeriesSequence: referencedSeries(series),
  };
  const pixels: RawElement = { tag: '7fe00010', vr: encoded.vr, value: encoded.pixelData };
  return writePart10(dataset, { raw: [...raw, ...(encoded.raw ?? []), pixels], deflated: object.deflated });
}

function found(lesions: readonly Lesion[]): string {
  return lesions.length === 0
    ? 'Liver, no lesion found'
    : `Liver and ${lesions.length} lesion${lesions.length === 1 ? '' : 's'}`;
}

/** General Image, Image Pixel and Segmentation Image Modules (PS3.3 sections C.7.6.1, C.7.6.3, C.8.20.2). */
function imageAttributes(
  input: Omit<SegInput, 'segments' | 'lesions'>,
  encoded: EncodedFrames,
  object: SegDescription,
): object {
  const { series, manifest } = input;
  const [columns, rows] = series.volume.grid.shape;
  return {
    ImageType: ['DERIVED', 'PRIMARY'],
    ContentLabel: object.contentLabel,
    ContentDescription: dicomText(`${object.contentDescription}; ${manifest.name} ${manifest.version}`, 64),
    ContentCreatorName: creatorName(input),
    ImageComments: provenanceText(input),
    BurnedInAnnotation: 'NO',
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    PixelRepresentation: 0,
    Rows: rows,
    Columns: columns,
    ...encoded.attributes,
    SegmentsOverlap: 'NO',
    SegmentSequence: object.segments,
    ...lossyCompression(series),
  };
}

/** Person Name; empty for a correction by a person who is not known. */
function creatorName({ correction }: Provenance): unknown {
  if (!correction) return [{ Alphabetic: `${MANUFACTURER}^Companion server` }];
  return correction.reviewer === null ? '' : [{ Alphabetic: personName(correction.reviewer) }];
}

/** Lossy compression of the source is carried over (PS3.3 section C.7.6.1.1.5); what is no valid value is left out. */
export function lossyCompression({ lossy }: Pick<CtSeries, 'lossy'>): object {
  if (lossy === null) return { LossyImageCompression: '00' };
  const ratios = lossy.ratios.map(Number);
  const ratiosAreValid = ratios.length > 0 && ratios.every((ratio) => Number.isFinite(ratio) && ratio > 0);
  const methodsAreValid =
    lossy.methods.length > 0 && lossy.methods.every((method) => /^[A-Z0-9_ ]{1,16}$/.test(method));
  return {
    LossyImageCompression: '01',
    ...(ratiosAreValid ? { LossyImageCompressionRatio: ratios.map(decimalString) } : {}),
    ...(methodsAreValid ? { LossyImageCompressionMethod: lossy.methods } : {}),
  };
}

function check(input: SegInput, frames: readonly Frame[], { part, encoding }: SegForm): void {
  const { series, segments, lesions } = input;
  const shape = series.volume.grid.shape;
  if (segments.grid.shape.some((size, axis) => size !== shape[axis])) {
    throw new InvalidSegmentation(
      `the label map is ${segments.grid.shape.join(' x ')}, the series ${shape.join(' x ')}`,
    );
  }
  if (segments.grid.originMm.some((mm, axis) => Math.abs(mm - series.volume.grid.originMm[axis]!) > 1e-3)) {
    throw new InvalidSegmentation('the label map begins at another place than the series');
  }
  if (series.slices.length !== shape[2]) {
    throw new InvalidSegmentation(`${series.slices.length} source slices for ${shape[2]} slices of labels`);
  }
  if (frames.length === 0)
    throw new InvalidSegmentation('no voxel is labelled, and a segmentation has at least one frame');
  const withFrames = encoding === 'binary' ? new Set(frames.map(({ segment }) => segment)) : new Set(segments.labels);
  if (part === 'liver') return;
  for (const { number, segmentNumber, trackingUid } of lesions) {
    if (!withFrames.has(segmentNumber)) throw new InvalidSegmentation(`lesion ${number} has no voxel`);
    if (!isUid(trackingUid)) throw new InvalidSegmentation(`the tracking UID of lesion ${number} is no UID`);
  }
}
