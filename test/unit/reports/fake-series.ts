import { CODES } from '../../../server/src/dicom/codes.ts';
import type { Dataset, RawElement } from '../../../server/src/dicom/dataset.ts';
import type { Lesion } from '../../../server/src/findings/schema.ts';
import type { Manifest } from '../../../server/src/inference/manifest.ts';
import type { CtSeries } from '../../../server/src/volume/series.ts';
import type { Grid, LabelMap, Vec3 } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';

/** A header with these elements, as bytes; numbers and sequences it has none. */
export function fakeHeader(
  elements: Readonly<Record<string, readonly [vr: string, value: string | Uint8Array]>> = {},
): Dataset {
  const bytes = (value: string | Uint8Array): Uint8Array =>
    typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'latin1')) : value;
  const raw = (tag: string): RawElement | null => {
    const element = elements[tag];
    return element ? { tag, vr: element[0], value: bytes(element[1]) } : null;
  };
  const text = (tag: string): string | null => {
    const element = raw(tag);
    return element
      ? Buffer.from(element.value)
          .toString('latin1')
          .replace(/[ \0]+$/, '') || null
      : null;
  };
  const numbers = (tag: string): number[] => (text(tag) ?? '').split('\\').filter(Boolean).map(Number);
  return {
    has: (tag) => tag in elements,
    text,
    texts: (tag) => (text(tag) ?? '').split('\\').filter(Boolean),
    number: (tag) => numbers(tag)[0] ?? null,
    numbers,
    items: () => [],
    raw,
  };
}

const add = (a: Vec3, b: Vec3, times: number): Vec3 => [a[0] + times * b[0], a[1] + times * b[1], a[2] + times * b[2]];

export function fakeSeries(shape: Vec3, options: Partial<Grid> & { header?: Dataset } = {}): CtSeries {
  const grid: Grid = {
    shape,
    spacingMm: options.spacingMm ?? [0.8, 0.7, 3],
    originMm: options.originMm ?? [-120.5, -98.25, -340],
    axes: options.axes ?? AXIAL,
  };
  return {
    studyInstanceUid: '2.25.10',
    seriesInstanceUid: '2.25.20',
    frameOfReferenceUid: '2.25.30',
    volume: { grid, hu: new Int16Array(shape[0] * shape[1] * shape[2]) },
    slices: Array.from({ length: shape[2] }, (_, k) => ({
      sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
      sopInstanceUid: `2.25.40${k}`,
      frameNumber: null,
      positionMm: add(grid.originMm, grid.axes[2], k * grid.spacingMm[2]),
    })),
    header: options.header ?? fakeHeader(),
    lossy: null,
    warnings: [],
  };
}

/** A map of a series' grid in which `label` says what each voxel is. */
export function fakeLabels(
  series: CtSeries,
  label: (i: number, j: number, k: number) => number,
): LabelMap<Uint16Array> {
  const { grid } = series.volume;
  const [columns, rows, slices] = grid.shape;
  const labels = new Uint16Array(columns * rows * slices);
  let at = 0;
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++) labels[at++] = label(i, j, k);
    }
  }
  return { grid, labels };
}

export function fakeLesion(number: number, values: Partial<Lesion> = {}): Lesion {
  return {
    number,
    segmentNumber: number + 1,
    trackingUid: `2.25.77${number}`,
    volumeMl: 10 / number,
    longAxisMm: 24,
    longAxisEndsMm: [
      [0, 0, 0],
      [24, 0, 0],
    ],
    shortAxisMm: 18,
    meanHu: 61.4,
    huSd: 12,
    confidence: 0.87,
    centroidMm: [12, 0, 0],
    sliceUid: '2.25.403',
    sliceFrame: null,
    algorithmType: 'automatic',
    ...values,
  };
}

/** What buildSeg reads of a manifest. */
export const MANIFEST = {
  id: 'liver-lesion-ct',
  name: 'Hepar liver and lesions CT',
  version: '1.0.0',
  labels: {
    liver: { category: CODES.anatomicalStructure, type: CODES.liver },
    lesion: { category: CODES.morphologicallyAbnormalStructure, type: CODES.mass, anatomicRegion: CODES.liver },
  },
} as unknown as Manifest;
