import type { Dataset } from '../dicom/dataset.ts';
import { parseInstance } from '../dicom/parse.ts';
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
    segments: dataset.items('00620002').map((item) => ({
      number: item.number('00620004') ?? 0,
      label: item.text('00620005') ?? '',
      typeCode: item.items('0062000f')[0]?.text('00080100') ?? null,
      algorithmType: item.text('00620008'),
      trackingUid: item.text('00620021'),
    })),
    frames: perFrame.map((item, index) => ({ ...frameOf(item), mask: () => unpack(packed, index, rows * columns) })),
  };
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
