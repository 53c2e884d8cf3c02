import { blankRows } from '../volume/blank-rows.ts';
import type { LabelMap } from '../volume/volume.ts';
import { encodeMaskPng } from './preview/png.ts';

/** What a mask shows in white, and the least label that it shows: the mask of the liver includes its lesions. */
const MASKS = [
  { folder: 'mask', least: 2 },
  { folder: 'mask-liver', least: 1 },
] as const;

/** Folders of the PNG masks. */
export const MASK_FOLDERS = MASKS.map(({ folder }) => folder);

/**
 * The plain black-and-white mask of the lesions: an image a slice, in the slices' own rows and columns, 255 in a lesion.
 * @param segments 0 background, 1 liver without its lesions, 2 and above lesions
 * @returns [slices, rows, columns], the first at k = 0
 */
export function lesionMask({ labels }: LabelMap<Uint16Array>): Uint8Array {
  const mask = new Uint8Array(labels.length);
  for (let at = 0; at < labels.length; at++) if (labels[at]! >= 2) mask[at] = 255;
  return mask;
}

/**
 * The masks of lesions and liver as PNG files, mask/0001.png and mask-liver/0001.png at k = 0: numbered along the slice
 * normal.
 */
export function* maskPngs({
  grid,
  labels,
}: LabelMap<Uint16Array>): Generator<readonly [name: string, content: Uint8Array]> {
  const [columns, rows, slices] = grid.shape;
  const lineBytes = 1 + columns;
  const isBlankRow = blankRows({ grid, labels });
  const blank = encodeMaskPng(new Uint8Array(rows * lineBytes), columns, rows);
  for (let k = 0; k < slices; k++) {
    const name = `${String(k + 1).padStart(4, '0')}.png`;
    for (const { folder, least } of MASKS) {
      const scanlines = new Uint8Array(rows * lineBytes);
      let isBlank = true;
      for (let j = 0; j < rows; j++) {
        const row = k * rows + j;
        if (isBlankRow(row)) continue;
        const from = row * columns;
        const to = j * lineBytes + 1;
        for (let i = 0; i < columns; i++) {
          if (labels[from + i]! < least) continue;
          scanlines[to + i] = 255;
          isBlank = false;
        }
      }
      yield [`${folder}/${name}`, isBlank ? blank : encodeMaskPng(scanlines, columns, rows)];
    }
  }
}
