import type { Vec3 } from '../volume/volume.ts';
import type { Anatomy } from './anatomy.ts';
import type { Geometry } from './geometry.ts';
import { makeRandom } from './random.ts';

/** One slice as the scanner would make it, [rows, columns] with columns fastest. */
export interface ScannedSlice {
  readonly hu: Float32Array;
  /** Truth at the centre of each voxel: 0 background, 1 liver without its lesions, 1 + n lesion n. */
  readonly labels: Uint8Array;
}

/** Scanners give nothing darker. */
const LOWEST_HU = -1024;
/** Thicker slices are the mean of three planes within them, as a scanner averages over the slice's thickness. */
const THIN_MM = 3;
/** In-plane noise kernel along each axis: neighbouring pixels are correlated a little. */
const KERNEL = [0.22, 0.56, 0.22] as const;
const KERNEL_GAIN = KERNEL.reduce((sum, weight) => sum + weight * weight, 0);
/** Standard deviation of the sum of four uniform bytes. */
const BYTES_SD = Math.sqrt((4 * (256 * 256 - 1)) / 12);

/**
 * Scans the anatomy slice by slice; slice k is the same whenever it is asked for.
 * @param noiseSdHu standard deviation of the noise; 0 gives the anatomy's own HU
 */
export function makeScanner(anatomy: Anatomy, geometry: Geometry, noiseSdHu: number): (k: number) => ScannedSlice {
  const { rows, columns, pixelSpacingMm, sliceSpacingMm, rowDirection, columnDirection, positionsMm, grid } = geometry;
  const blurMm = Math.max(0.8, (pixelSpacingMm[0] + pixelSpacingMm[1]) / 2);
  const sample = anatomy.sampler(columns, blurMm);
  const along = rowDirection.map((value) => value * pixelSpacingMm[1]) as unknown as Vec3;
  const offsets = sliceSpacingMm > THIN_MM ? [-sliceSpacingMm / 3, sliceSpacingMm / 3, 0] : [0];

  return (k) => {
    const hu = new Float32Array(rows * columns);
    const labels = new Uint8Array(rows * columns);
    for (let j = 0; j < rows; j++) {
      const start = (offset: number) =>
        positionsMm[k]!.map(
          (value, axis) => value + j * pixelSpacingMm[0] * columnDirection[axis]! + offset * grid.axes[2][axis]!,
        ) as unknown as Vec3;
      for (const offset of offsets) {
        const row = sample(start(offset), along);
        for (let i = 0; i < columns; i++) hu[j * columns + i]! += row.hu[i]! / offsets.length;
        if (offset === 0) labels.set(row.labels, j * columns);
      }
    }
    if (noiseSdHu > 0) addNoise(hu, rows, columns, noiseSdHu, anatomy.seed, k);
    for (let i = 0; i < hu.length; i++) hu[i] = Math.max(hu[i]!, LOWEST_HU);
    return { hu, labels };
  };
}

/** Adds correlated noise, from a stream of random numbers of the slice's own. */
function addNoise(hu: Float32Array, rows: number, columns: number, sdHu: number, seed: number, k: number): void {
  const random = makeRandom(seed, `noise ${k}`);
  const [side, middle] = KERNEL;
  const scale = sdHu / (BYTES_SD * KERNEL_GAIN);
  const wide = columns + 2;
  const white = new Float32Array(wide);
  const lines = [new Float32Array(columns), new Float32Array(columns), new Float32Array(columns)];
  for (let j = -2; j < rows; j++) {
    for (let i = 0; i < wide; i++) {
      const bits = random.bits();
      white[i] = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24) - 510;
    }
    const [above, centre, below] = [lines[(j + 3) % 3]!, lines[(j + 4) % 3]!, lines[(j + 5) % 3]!];
    for (let i = 0; i < columns; i++) below[i] = side * (white[i]! + white[i + 2]!) + middle * white[i + 1]!;
    if (j < 0) continue;
    for (let i = 0; i < columns; i++) {
      hu[j * columns + i]! += scale * (side * (above[i]! + below[i]!) + middle * centre[i]!);
    }
  }
}
