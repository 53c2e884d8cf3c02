import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { NOTICE } from '../findings/schema.ts';
import type { Grid, LabelMap, Vec3 } from '../volume/volume.ts';

/** Bytes of a NIfTI-1 header, and with the four that say there is no extension. */
const HEADER_BYTES = 348;
const DATA_OFFSET = 352;
const UINT8 = { code: 2, bits: 8 };
const UINT16 = { code: 512, bits: 16 };
/** xyzt_units: millimetres. */
const MILLIMETRES = 2;
/** qform_code and sform_code: scanner-based anatomical coordinates. */
const SCANNER = 1;
/** intent_code: the values are labels. */
const LABELS = 1002;

/**
 * A label map as NIfTI-1, gzip-compressed (.nii.gz), for software that reads no DICOM segmentation. Voxels are stored
 * as they are, i fastest; sform and qform place them, in NIfTI's system (x to the Right, y to Anterior).
 * @param segments 0 background, 1 liver without its lesions, 1 + n lesion n
 */
export async function labelMapNifti({ grid, labels }: LabelMap<Uint16Array>): Promise<Uint8Array> {
  let largest = 0;
  for (let at = 0; at < labels.length; at++) if (labels[at]! > largest) largest = labels[at]!;
  const type = largest <= 0xff ? UINT8 : UINT16;
  const file = Buffer.alloc(DATA_OFFSET + (labels.length * type.bits) / 8);
  writeHeader(file, grid, type, largest);
  // A loop, for `set` takes many times as long from one type to another.
  if (type === UINT8) for (let at = 0; at < labels.length; at++) file[DATA_OFFSET + at] = labels[at]!;
  else file.set(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength), DATA_OFFSET);
  return promisify(gzip)(file, { level: 1 });
}

function writeHeader(file: Buffer, grid: Grid, type: typeof UINT8, largest: number): void {
  const [i, j, k] = grid.axes.map(toRas) as [Vec3, Vec3, Vec3];
  const origin = toRas(grid.originMm);
  file.writeInt32LE(HEADER_BYTES, 0);
  [3, ...grid.shape, 1, 1, 1, 1].forEach((size, n) => {
    file.writeInt16LE(size, 40 + 2 * n);
  });
  file.writeInt16LE(LABELS, 68);
  file.writeInt16LE(type.code, 70);
  file.writeInt16LE(type.bits, 72);
  // pixdim[0] is the sign of the third axis: 1, since the axes are right-handed here and in NIfTI's system alike.
  [1, ...grid.spacingMm, 0, 0, 0, 0].forEach((mm, n) => {
    file.writeFloatLE(mm, 76 + 4 * n);
  });
  file.writeFloatLE(DATA_OFFSET, 108);
  file.writeFloatLE(1, 112);
  file.writeUInt8(MILLIMETRES, 123);
  file.writeFloatLE(largest, 124);
  file.write(NOTICE.slice(0, 79), 148, 'latin1');
  file.writeInt16LE(SCANNER, 252);
  file.writeInt16LE(SCANNER, 254);
  [...quaternion(i, j, k), ...origin].forEach((value, n) => {
    file.writeFloatLE(value, 256 + 4 * n);
  });
  const [si, sj, sk] = grid.spacingMm;
  for (const row of [0, 1, 2] as const) {
    [i[row] * si, j[row] * sj, k[row] * sk, origin[row]].forEach((value, n) => {
      file.writeFloatLE(value, 280 + 16 * row + 4 * n);
    });
  }
  file.write('liver, lesions', 328, 'latin1');
  file.write('n+1\0', 344, 'latin1');
}

/** From the DICOM patient system (LPS) to NIfTI's (RAS). */
function toRas([x, y, z]: Vec3): Vec3 {
  return [-x, -y, z];
}

/** b, c, d of the unit quaternion of the rotation whose columns are the axes; a >= 0 (nifti1.h, method 2). */
function quaternion(i: Vec3, j: Vec3, k: Vec3): [number, number, number] {
  const trace = i[0] + j[1] + k[2];
  if (trace > 0) {
    const a = Math.sqrt(1 + trace) / 2;
    return [(j[2] - k[1]) / (4 * a), (k[0] - i[2]) / (4 * a), (i[1] - j[0]) / (4 * a)];
  }
  // Near half a turn a is near 0: the largest of the others is the divisor.
  const squares = [1 + i[0] - j[1] - k[2], 1 + j[1] - i[0] - k[2], 1 + k[2] - i[0] - j[1]];
  const largest = squares.indexOf(Math.max(...squares));
  const part = Math.sqrt(Math.max(0, squares[largest]!)) / 2;
  const four = 4 * part;
  const [a, b, c, d] = [
    [(j[2] - k[1]) / four, part, (j[0] + i[1]) / four, (k[0] + i[2]) / four],
    [(k[0] - i[2]) / four, (j[0] + i[1]) / four, part, (k[1] + j[2]) / four],
    [(i[1] - j[0]) / four, (k[0] + i[2]) / four, (k[1] + j[2]) / four, part],
  ][largest] as [number, number, number, number];
  return a < 0 ? [-b, -c, -d] : [b, c, d];
}
