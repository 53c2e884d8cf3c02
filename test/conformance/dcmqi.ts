import { readOverlappingSegmentationNode } from '@itk-wasm/dicom';
import type { Grid, LabelMap } from '../../server/src/volume/volume.ts';

/**
 * Whether frames begin at whole bytes. Where they do not, the dcmqi inside @itk-wasm/dicom shifts their bits wrongly
 * (QIICR/QuantitativeReporting issue 278), and dcmtk's image library is the second reader.
 */
export const isByteAligned = ({ shape: [columns, rows] }: Pick<Grid, 'shape'>): boolean => (columns * rows) % 8 === 0;

/** Voxels that dcmqi places elsewhere, or labels otherwise, than the map that was written. */
export async function differentInDcmqi(seg: string, { grid, labels }: LabelMap<Uint16Array>): Promise<number> {
  const { segImage: image } = await readOverlappingSegmentationNode(seg, { mergeSegments: false });
  const [width, height, depth] = image.size as [number, number, number];
  const components = image.imageType.components;
  const data = image.data as Int16Array;
  const read = new Uint16Array(labels.length);
  let outside = 0;
  for (let c = 0; c < depth; c++) {
    for (let b = 0; b < height; b++) {
      for (let a = 0; a < width; a++) {
        const at = (a + width * (b + height * c)) * components;
        for (let component = 0; component < components; component++) {
          const label = data[at + component]!;
          if (label === 0) continue;
          const step = [a, b, c].map((index, n) => index * image.spacing[n]!);
          const fromOrigin = [0, 1, 2].map(
            (n) =>
              image.origin[n]! -
              grid.originMm[n]! +
              step.reduce((sum, mm, axis) => sum + Number(image.direction[n * 3 + axis]) * mm, 0),
          );
          const [i, j, k] = grid.axes.map((axis, n) => {
            const mm = axis.reduce((sum, part, m) => sum + part * fromOrigin[m]!, 0);
            return Math.round(mm / grid.spacingMm[n]!);
          }) as [number, number, number];
          if (i < 0 || j < 0 || k < 0 || i >= grid.shape[0] || j >= grid.shape[1] || k >= grid.shape[2]) outside++;
          else read[i + grid.shape[0] * (j + grid.shape[1] * k)] = label;
        }
      }
    }
  }
  return outside + labels.reduce((count, label, at) => count + (label === read[at] ? 0 : 1), 0);
}
