import type { RawElement } from '../dicom/dataset.ts';
import { derivedUid, isUid } from '../dicom/uid.ts';
import { writePart10 } from '../dicom/write.ts';
import type { Lesion } from '../findings/schema.ts';
import type { Manifest } from '../inference/manifest.ts';
import type { EngineInfo } from '../inference/segmentation.ts';
import type { CtSeries } from '../volume/series.ts';
import type { LabelMap } from '../volume/volume.ts';
import { composite, type ObjectUids, objectUids } from './composite.ts';
import { MANUFACTURER, type Provenance, provenanceText } from './provenance.ts';
import { packFrames, type SegmentFrame } from './seg/frames.ts';
import { InvalidSegmentation } from './seg/invalid.ts';
import { dimensions, perFrameGroups, referencedSeries, sharedGroups } from './seg/references.ts';
import { type Algorithm, segmentSequence } from './seg/segments.ts';
import { decimalString, dicomText } from './text.ts';

/** Segmentation Storage, PS3.4 table B.5-1. */
export const SEGMENTATION_STORAGE = '1.2.840.10008.5.1.4.1.1.66.4';

export interface SegInput extends Provenance {
  readonly series: CtSeries;
  /** On the series' grid: 0 background, 1 liver without its lesions, 1 + n lesion n. */
  readonly segments: LabelMap<Uint16Array>;
  /** lesions[n - 1] is lesion n; empty when none was found. */
  readonly lesions: readonly Lesion[];
  readonly manifest: Manifest;
  /** SHA-256 of the model, hexadecimal. */
  readonly modelDigest: string;
  readonly engine: EngineInfo;
  /** Version of this software. */
  readonly softwareVersion: string;
  /** When the run's objects were first made; a retry gives the same time. */
  readonly createdAt: Date;
}

/** The UIDs of a run's SEG. */
export function segUids(runId: string): ObjectUids {
  return objectUids(runId, 'seg');
}

/**
 * Writes the result as a Part 10 file of the Segmentation IOD (PS3.3 section A.51): BINARY, explicit VR little endian,
 * one frame for each slice that a segment meets, each referring to its source slice. Segments are disjoint: segment 1
 * is the liver without its lesions. The same input gives the same bytes.
 *
 * @throws InvalidSegmentation when the standard forbids what was given: labels without a segment, a segment of a
 *   lesion without voxels, nothing segmented at all, a grid that is not the series', a malformed UID
 */
export function buildSeg(input: SegInput): Uint8Array {
  const { series, segments, lesions } = input;
  const packed = packFrames(segments, lesions.length + 1);
  check(input, packed.frames);

  const { attributes, raw, created } = composite(input, {
    kind: 'seg',
    sopClassUid: SEGMENTATION_STORAGE,
    modality: 'SEG',
    seriesDescription: 'Liver and lesions by Hepar (research use only)',
  });
  const dataset = {
    ...attributes,

    // Frame of Reference, PS3.3 section C.7.4.1
    FrameOfReferenceUID: series.frameOfReferenceUid,

    ...imageAttributes(input),
    ContentDate: created.date,
    ContentTime: created.time,

    // Multi-frame Functional Groups and Dimension, sections C.7.6.16 and C.7.6.17
    NumberOfFrames: String(packed.frames.length),
    ...dimensions(derivedUid('hepar', input.runId, 'seg-dimensions')),
    SharedFunctionalGroupsSequence: [sharedGroups(series)],
    PerFrameFunctionalGroupsSequence: perFrameGroups(series, packed.frames),

    // Common Instance Reference, section C.12.2
    ReferencedSeriesSequence: referencedSeries(series),
  };
  return writePart10(dataset, { raw: [...raw, pixelData(packed.pixelData)] });
}

/** General Image, Image Pixel and Segmentation Image Modules (PS3.3 sections C.7.6.1, C.7.6.3, C.8.20.2). */
function imageAttributes(input: SegInput): object {
  const { series, lesions, manifest } = input;
  const [columns, rows] = series.volume.grid.shape;
  const algorithm: Algorithm = input;
  const found =
    lesions.length === 0
      ? 'Liver, no lesion found'
      : `Liver and ${lesions.length} lesion${lesions.length === 1 ? '' : 's'}`;
  return {
    ImageType: ['DERIVED', 'PRIMARY'],
    ContentLabel: 'LIVER_LESIONS',
    ContentDescription: dicomText(`${found}; ${manifest.name} ${manifest.version}`, 64),
    ContentCreatorName: [{ Alphabetic: `${MANUFACTURER}^Companion server` }],
    ImageComments: provenanceText(input),
    BurnedInAnnotation: 'NO',
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    PixelRepresentation: 0,
    Rows: rows,
    Columns: columns,
    BitsAllocated: 1,
    BitsStored: 1,
    HighBit: 0,
    SegmentationType: 'BINARY',
    SegmentsOverlap: 'NO',
    SegmentSequence: segmentSequence(lesions, algorithm),
    ...lossyCompression(series),
  };
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

/** VR OB: bits are packed into bytes (PS3.5 section A.2). */
function pixelData(value: Uint8Array): RawElement {
  return { tag: '7fe00010', vr: 'OB', value };
}

function check(input: SegInput, frames: readonly SegmentFrame[]): void {
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
  const withFrames = new Set(frames.map(({ segment }) => segment));
  for (const { number, segmentNumber, trackingUid } of lesions) {
    if (!withFrames.has(segmentNumber)) throw new InvalidSegmentation(`lesion ${number} has no voxel`);
    if (!isUid(trackingUid)) throw new InvalidSegmentation(`the tracking UID of lesion ${number} is no UID`);
  }
}
