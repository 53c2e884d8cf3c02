import type { Dataset } from '../dicom/dataset.ts';
import { cross, dot, length } from '../volume/geometry.ts';
import type { Grid, Vec3 } from '../volume/volume.ts';

/**
 * All that a scan shows, from the headers of its first and last slice, or of its one multi-frame image.
 * @param sliceSpacingMm distance of its slices
 * @returns null when they do not say it
 */
export function fieldOfView(images: readonly Dataset[], sliceSpacingMm: number): Grid | null {
  const [image] = images;
  if (image === undefined) return null;
  const columns = image.number('00280011') ?? 0;
  const rows = image.number('00280010') ?? 0;
  const planes = images.flatMap(planesOf);
  const plane = planes[0];
  const [rowSpacing = 0, columnSpacing = 0] = plane?.pixelSpacing ?? [];
  if (plane === undefined || !(Math.min(columns, rows, rowSpacing, columnSpacing, sliceSpacingMm) > 0)) return null;
  const along = plane.orientation.slice(0, 3) as unknown as Vec3;
  const down = plane.orientation.slice(3, 6) as unknown as Vec3;
  if (plane.orientation.length !== 6 || !(length(along) > 0.9) || !(length(down) > 0.9)) return null;
  const normal = cross(along, down);
  const byHeight = planes
    .map(({ positionMm }) => ({ positionMm, height: dot(positionMm, normal) }))
    .sort((a, b) => a.height - b.height);
  const [lowest, highest] = [byHeight[0]!, byHeight.at(-1)!];
  const steps = Math.round((highest.height - lowest.height) / sliceSpacingMm);
  if (!Number.isFinite(steps)) return null;
  return {
    shape: [columns, rows, steps + 1],
    spacingMm: [columnSpacing, rowSpacing, sliceSpacingMm],
    originMm: lowest.positionMm,
    axes: [along, down, normal],
  };
}

interface Plane {
  readonly positionMm: Vec3;
  readonly orientation: readonly number[];
  readonly pixelSpacing: readonly number[];
}

/** Where the image lies, or each frame of a multi-frame one (PS3.3 sections C.7.6.2 and C.7.6.16.2). */
function planesOf(image: Dataset): Plane[] {
  const shared = image.items('52009229')[0];
  const own = image.items('52009230');
  const frames: readonly (Dataset | null)[] = own.length > 0 ? own : [null];
  return frames.flatMap((frame) => {
    const group = (tag: string) => frame?.items(tag)[0] ?? shared?.items(tag)[0] ?? image;
    const [x, y, z] = group('00209113').numbers('00200032');
    if (x === undefined || y === undefined || z === undefined) return [];
    return [
      {
        positionMm: [x, y, z] as Vec3,
        orientation: group('00209116').numbers('00200037'),
        pixelSpacing: group('00289110').numbers('00280030'),
      },
    ];
  });
}
