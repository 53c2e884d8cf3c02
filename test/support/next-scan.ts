import type { LesionRequest } from '../../server/src/phantom/lesions.ts';
import { makePhantomSeries, SMALL_GEOMETRY } from '../../server/src/phantom/series.ts';

/** Lesions that the bundled model cannot overlook; the second grows, the third goes, another comes. */
export const BEFORE: readonly LesionRequest[] = [
  { diameterMm: 34, centreMm: [-75, 5, 15] },
  { diameterMm: 22, centreMm: [-55, -45, 10] },
  { diameterMm: 24, centreMm: [-85, -15, -35] },
];
export const AFTER: readonly LesionRequest[] = [
  { diameterMm: 34, centreMm: [-75, 5, 15] },
  { diameterMm: 32, centreMm: [-55, -45, 10] },
  { diameterMm: 26, centreMm: [-45, 20, 40] },
];

/** The phantom's patient at a date. */
export const scanAt = (
  studyDate: string,
  lesions: readonly LesionRequest[],
  attributes: Record<string, unknown> = {},
) =>
  makePhantomSeries({
    seed: 4,
    lesions,
    geometry: SMALL_GEOMETRY,
    attributes: {
      StudyDate: studyDate,
      SeriesDate: studyDate,
      AcquisitionDate: studyDate,
      ContentDate: studyDate,
      ...attributes,
    },
  });

/** The same patient 90 days after 3 October 2025, shifted and turned on the table. */
export const scanMoved = () =>
  makePhantomSeries({
    seed: 4,
    lesions: AFTER,
    geometry: SMALL_GEOMETRY,
    pose: { rotationDeg: [4, -3, 8], shiftMm: [15, -10, 28] },
  });
