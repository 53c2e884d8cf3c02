import type { Code } from '../dicom/codes.ts';
import type { Dataset } from '../dicom/dataset.ts';
import { parseInstance } from '../dicom/parse.ts';
import type { CtSeries } from '../volume/series.ts';
import type { Vec3 } from '../volume/volume.ts';

/** One frame of a segmentation: the part of one segment that lies on one slice of the source. */
export interface SegFrame {
  readonly segmentNumber: number;
  readonly positionMm: Vec3;
  /** The source slice that the frame was derived from; null when the object does not say. */
  readonly sourceSopInstanceUid: string | null;
  readonly sourceFrameNumber: number | null;
  /** 0 or 1 for each pixel, columns fastest. */
  mask(): Uint8Array;
}

export interface SegSegment {
  readonly number: number;
  readonly label: string;
  /** Code Value of its Segmented Property Type. */
  readonly typeCode: string | null;
  /** Segment Algorithm Type: AUTOMATIC, SEMIAUTOMATIC or MANUAL. */
  readonly algorithmType: string | null;
  readonly trackingUid: string | null;
  /** Of the model that drew it; null for a segment that a person drew. */
  readonly algorithm: { readonly name: string; readonly version: string } | null;
  /** Segmented Property Category and Type, and Anatomic Region; null where the object does not say. */
  readonly category: Code | null;
  readonly type: Code | null;
  readonly anatomicRegion: Code | null;
}

export interface SegContent {
  /** Everything else that the object says. */
  readonly dataset: Dataset;
  readonly rows: number;
  readonly columns: number;
  readonly segments: readonly SegSegment[];
  readonly frames: readonly SegFrame[];
}

/** The object is no BINARY segmentation that can be read here; says why. */
export class SegError extends Error {
  override readonly name = 'SegError';
}

const SEGMENTATION_STORAGE = '1.2.840.10008.5.1.4.1.1.66.4';

/**
 * Reads an uncompressed BINARY segmentation (PS3.3 A.51). Frames are packed bit by bit, lowest bit first,
 * without padding between them (PS3.5 section 8.1.1).
 * @throws SegError
 */
export function readSeg(part10: Uint8Array): SegContent {
  const { sopClassUid, dataset } = parseInstance(part10);
  if (sopClassUid !== SEGMENTATION_STORAGE) throw new SegError('this is no DICOM Segmentation');
  const type = dataset.text('00620001');
  if (type !== 'BINARY') throw new SegError(`a segmentation of type ${type} is not read, only BINARY`);
  const rows = dataset.number('00280010') ?? 0;
  const columns = dataset.number('00280011') ?? 0;
  const packed = dataset.raw('7fe00010')?.value ?? new Uint8Array();
  const perFrame = dataset.items('52009230');
  const bits = perFrame.length * rows * columns;
  if (bits === 0 || packed.length * 8 < bits) {
    throw new SegError(
      `the pixel data has ${packed.length} bytes, ${perFrame.length} frames need ${Math.ceil(bits / 8)}`,
    );
  }
  return {
    dataset,
    rows,
    columns,
    segments: dataset.items('00620002').map(segmentOf),
    frames: perFrame.map((item, index) => ({ ...frameOf(item), mask: () => unpack(packed, index, rows * columns) })),
  };
}

function segmentOf(item: Dataset): SegSegment {
  const algorithm = item.items('00620007')[0];
  return {
    number: item.number('00620004') ?? 0,
    label: item.text('00620005') ?? '',
    typeCode: item.items('0062000f')[0]?.text('00080100') ?? null,
    algorithmType: item.text('00620008'),
    trackingUid: item.text('00620021'),
    algorithm: algorithm ? { name: algorithm.text('00660036') ?? '', version: algorithm.text('00660031') ?? '' } : null,
    category: codeOf(item.items('00620003')[0]),
    type: codeOf(item.items('0062000f')[0]),
    anatomicRegion: codeOf(item.items('00082218')[0]),
  };
}

function codeOf(item: Dataset | undefined): Code | null {
  const value = item?.text('00080100') ?? item?.text('00080119');
  const scheme = item?.text('00080102');
  return value && scheme ? { value, scheme, meaning: item?.text('00080104') ?? '' } : null;
}

/**
 * The segment numbers on the grid of the series that was segmented, 0 background. Frames are put where the object says that
 * they come from, never by their position alone.
 * @throws SegError when the segmentation is not of this series
 */
export function labelsOfSeg({ rows, columns, frames }: SegContent, { volume, slices }: CtSeries): Uint16Array {
  const { shape } = volume.grid;
  if (columns !== shape[0] || rows !== shape[1]) {
    throw new SegError(`its frames are ${columns} x ${rows}, the images ${shape[0]} x ${shape[1]}`);
  }
  const indices = new Map(slices.map(({ sopInstanceUid, frameNumber }, k) => [`${sopInstanceUid}/${frameNumber}`, k]));
  const labels = new Uint16Array(shape[0] * shape[1] * shape[2]);
  for (const { segmentNumber, sourceSopInstanceUid, sourceFrameNumber, mask } of frames) {
    const k = indices.get(`${sourceSopInstanceUid}/${sourceFrameNumber}`);
    if (k === undefined) throw new SegError('a frame of it is of an image that is not in the series');
    const start = k * rows * columns;
    const pixels = mask();
    for (let pixel = 0; pixel < pixels.length; pixel++) if (pixels[pixel] === 1) labels[start + pixel] = segmentNumber;
  }
  return labels;
}

function frameOf(item: Dataset): Omit<SegFrame, 'mask'> {
  const source = item.items('00089124')[0]?.items('00082112')[0];
  const [x = Number.NaN, y = Number.NaN, z = Number.NaN] = item.items('00209113')[0]?.numbers('00200032') ?? [];
  return {
    segmentNumber: item.items('0062000a')[0]?.number('0062000b') ?? 0,
    positionMm: [x, y, z],
    sourceSopInstanceUid: source?.text('00081155') ?? null,
    sourceFrameNumber: source?.number('00081160') ?? null,
  };
}

function unpack(packed: Uint8Array, frame: number, pixels: number): Uint8Array {
  const mask = new Uint8Array(pixels);
  // Bit numbers pass 2^31 from 8192 frames of 512 x 512: 32-bit shifts only on those within the frame.
  const firstByte = Math.floor((frame * pixels) / 8);
  const firstBit = (frame * pixels) % 8;
  for (let pixel = 0, bit = firstBit; pixel < pixels; pixel++, bit++) {
    mask[pixel] = (packed[firstByte + (bit >> 3)]! >> (bit & 7)) & 1;
  }
  return mask;
}
