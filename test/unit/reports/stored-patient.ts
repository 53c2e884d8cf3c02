import assert from 'node:assert/strict';
import { decode } from 'fast-png';
import type { CtSeries } from '../../../server/src/volume/series.ts';
import type { LabelMap, Vec3 } from '../../../server/src/volume/volume.ts';
import { fakeLabels, fakeSeries } from './fake-series.ts';

export const axis = (n: number, sign: number): Vec3 => [0, 1, 2].map((m) => (m === n ? sign : 0)) as unknown as Vec3;
const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** One patient, 80 x 70 x 21 voxels of 2 x 2 x 5 mm: a ball of liver at the patient's right, a lesion in front of it. */
const PATIENT = { count: [80, 70, 21], spacing: [2, 2, 5] } as const;
const LIVER = { centre: [50, 62, 51], radius: 38 };
export const LESION = { centre: [53, 45, 56], radius: 12 };
const within = ({ centre, radius }: typeof LIVER, p: readonly number[]): boolean =>
  Math.hypot(...centre.map((c, n) => c - p[n]!)) < radius;

/** The patient as stored with rows along `row` and columns along `column`. */
export function stored(row: Vec3, column: Vec3): { series: CtSeries; segments: LabelMap<Uint16Array> } {
  const axes = [row, column, cross(row, column)] as const;
  const world = axes.map((direction) => direction.findIndex((part) => part !== 0));
  const origin = [0, 0, 0];
  for (const [n, direction] of axes.entries()) {
    const w = world[n]!;
    origin[w] = direction[w]! > 0 ? 0 : (PATIENT.count[w]! - 1) * PATIENT.spacing[w]!;
  }
  const series = fakeSeries(world.map((w) => PATIENT.count[w]) as unknown as Vec3, {
    axes,
    spacingMm: world.map((w) => PATIENT.spacing[w]) as unknown as Vec3,
    originMm: origin as unknown as Vec3,
  });
  const point = (...index: number[]): number[] => {
    const p = [...origin];
    for (const [n, w] of world.entries()) p[w]! += axes[n]![w]! * index[n]! * PATIENT.spacing[w]!;
    return p;
  };
  const segments = fakeLabels(series, (i, j, k) => {
    const p = point(i, j, k);
    return within(LESION, p) ? 2 : within(LIVER, p) ? 1 : 0;
  });
  segments.labels.forEach((label, at) => {
    series.volume.hu[at] = label === 0 ? -50 : label === 1 ? 110 : 60;
  });
  return { series, segments };
}

/** Ways in which archives hold the slices, other than axial rows from right to left. */
export const STORED_WAYS = [
  ['rows from left to right', axis(0, -1), axis(1, 1)],
  ['prone', axis(0, -1), axis(1, -1)],
  ['columns from back to front', axis(0, 1), axis(1, -1)],
  ['rows along the back-to-front axis', axis(1, 1), axis(0, 1)],
  ['rows and columns turned and negated', axis(1, -1), axis(0, 1)],
] as const;

export function pixels(png: Uint8Array): { width: number; height: number; data: Uint8Array } {
  const { width, height, data, channels } = decode(png);
  assert.equal(channels, 3);
  return { width, height, data: data as Uint8Array };
}
