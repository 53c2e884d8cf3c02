import type { DataSet } from 'dicom-parser';
import type { Dataset } from './dataset.ts';
import { CorruptInstance, UnsupportedTransferSyntax } from './errors.ts';
import { TRANSFER_SYNTAX, transferSyntaxTitle } from './transfer-syntax.ts';

const UNCOMPRESSED: ReadonlySet<string> = new Set([
  TRANSFER_SYNTAX.implicitLittleEndian,
  TRANSFER_SYNTAX.explicitLittleEndian,
  TRANSFER_SYNTAX.explicitBigEndian,
  TRANSFER_SYNTAX.deflated,
]);

/** Number of Frames; 0 without pixel data. */
export function frameCount(dataSet: DataSet, dataset: Dataset): number {
  if (!dataSet.elements.x7fe00010) return 0;
  return Math.max(1, dataset.number('00280008') ?? 1);
}

/** Stored values of one frame: see Instance. */
export async function storedValues(
  dataSet: DataSet,
  dataset: Dataset,
  transferSyntaxUid: string,
  frame: number,
): Promise<Int16Array | Uint16Array> {
  const pixels = (dataset.number('00280010') ?? 0) * (dataset.number('00280011') ?? 0);
  if (!UNCOMPRESSED.has(transferSyntaxUid)) {
    throw new UnsupportedTransferSyntax(transferSyntaxUid, transferSyntaxTitle(transferSyntaxUid));
  }
  const bitsAllocated = dataset.number('00280100') ?? 16;
  const element = dataSet.elements.x7fe00010;
  const bytesPerFrame = (pixels * bitsAllocated) / 8;
  const start = bytesPerFrame * frame;
  if (!element || element.length < start + bytesPerFrame) {
    throw new CorruptInstance(
      `pixel data has ${element?.length ?? 0} bytes, frame ${frame + 1} ends at ${start + bytesPerFrame}`,
    );
  }
  const raw = dataSet.byteArray.subarray(element.dataOffset + start, element.dataOffset + start + bytesPerFrame);
  const signed = dataset.number('00280103') === 1;
  const bytes = new Uint8Array(raw);
  if (transferSyntaxUid === TRANSFER_SYNTAX.explicitBigEndian) Buffer.from(bytes.buffer).swap16();
  const words = bitsAllocated === 8 ? Uint16Array.from(bytes) : new Uint16Array(bytes.buffer);
  const bits = dataset.number('00280101') ?? bitsAllocated;
  const lift = 15 - (dataset.number('00280102') ?? bits - 1);
  if (signed) {
    const values = new Int16Array(words.buffer);
    for (let index = 0; index < values.length; index++) values[index] = (values[index]! << lift) >> (16 - bits);
    return values;
  }
  const mask = 2 ** bits - 1;
  const drop = 16 - lift - bits;
  for (let index = 0; index < words.length; index++) words[index] = (words[index]! >> drop) & mask;
  return words;
}
