import type { LabelMap } from '../volume/volume.ts';
import { encodePng } from './preview/png.ts';

/** What a mask shows in white. */
export type MaskOf = 'lesions' | 'liver';

/**
 * The plain black-and-white mask: an image a slice, in the slices' own rows and columns, 255 where it is set.
 * @param segments 0 background, 1 liver without its lesions, 2 and above lesions. The mask of the liver includes these
 * @returns [rows, columns] for each slice in turn, the first at k = 0; the array is used again for the next
 */
export function* maskImages({ grid, labels }: LabelMap<Uint16Array>, of: MaskOf): Generator<Uint8Array> {
  const [columns, rows, slices] = grid.shape;
  const least = of === 'lesions' ? 2 : 1;
  const image = new Uint8Array(columns * rows);
  for (let k = 0; k < slices; k++) {
    const start = k * image.length;
    for (let pixel = 0; pixel < image.length; pixel++) image[pixel] = labels[start + pixel]! >= least ? 255 : 0;
    yield image;
  }
}

/** The mask as PNG files, 0001.png at k = 0: numbered along the slice normal. */
export function* maskPngs(
  segments: LabelMap<Uint16Array>,
  of: MaskOf,
): Generator<readonly [name: string, content: Uint8Array]> {
  const [columns, rows] = segments.grid.shape;
  let number = 0;
  for (const image of maskImages(segments, of)) {
    yield [`${String(++number).padStart(4, '0')}.png`, encodePng(image, columns, rows)];
  }
}
