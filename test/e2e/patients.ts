import type { Lesion } from '../../server/src/findings/schema.ts';
import type { GeometryOptions } from '../../server/src/phantom/geometry.ts';
import {
  collectSeries,
  makePhantomSeries,
  type PhantomOptions,
  type PhantomSeries,
  SMALL_GEOMETRY,
} from '../../server/src/phantom/series.ts';
import type { LabelMap } from '../../server/src/volume/volume.ts';

/** A made patient, small enough for a run in seconds, with the truth. */
export interface Patient {
  readonly series: PhantomSeries;
  readonly truth: LabelMap<Uint8Array>;
  /** Of the image that the diameters of a lesion were measured on. */
  instanceNumberOf(lesion: Lesion): number;
  /** Number of that image along the normal: k of the truth's grid. */
  sliceOf(lesion: Lesion): number;
}

/** @param seed another one is another patient */
export function patient(seed: number, geometry: Partial<GeometryOptions> = {}, options: PhantomOptions = {}): Patient {
  const series = makePhantomSeries({ seed, geometry: { ...SMALL_GEOMETRY, ...geometry }, ...options });
  const { instances, truth } = collectSeries(series);
  const indexOf = ({ sliceUid }: Lesion) => instances.findIndex(({ sopInstanceUid }) => sopInstanceUid === sliceUid);
  return {
    series,
    truth,
    instanceNumberOf: (lesion) => indexOf(lesion) + 1,
    sliceOf: (lesion) => instances[indexOf(lesion)]!.k,
  };
}
