import type { RawElement } from '../dicom/dataset.ts';
import { derivedUid } from '../dicom/uid.ts';
import type { LabelMap } from '../volume/volume.ts';
import { type Anatomy, createAnatomy } from './anatomy.ts';
import { type PixelFormat, writeCtImage } from './ct-image.ts';
import { type Geometry, type GeometryOptions, layOut } from './geometry.ts';
import type { LesionRequest } from './lesions.ts';
import { type Pose, posed } from './pose.ts';
import { makeRandom } from './random.ts';
import { makeScanner } from './scanner.ts';

export interface PhantomOptions {
  /** The patient: the same seed is the same patient; a whole number from 0. */
  readonly seed?: number;
  /** How many lesions, or which; five, from 12 to 38 mm, by default. */
  readonly lesions?: number | readonly LesionRequest[];
  readonly geometry?: GeometryOptions;
  /** How the patient lies: turned and shifted against where the seed alone puts them. */
  readonly pose?: Pose;
  /** Standard deviation of the noise in HU; 0 for none. */
  readonly noiseSdHu?: number;
  readonly pixelFormat?: Partial<PixelFormat>;
  /** Attributes by keyword that take the place of the usual ones; undefined leaves an attribute out. ASCII. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Elements that go in byte for byte, e.g. a name in its own Specific Character Set. */
  readonly raw?: readonly RawElement[];
}

/** The study that ships: a whole liver at a scanner's usual resolution. */
export const SAMPLE_GEOMETRY: GeometryOptions = {
  rows: 512,
  columns: 512,
  slices: 100,
  pixelSpacingMm: [0.72, 0.72],
  sliceSpacingMm: 2.5,
};

/** The whole liver in a second, for tests. */
export const SMALL_GEOMETRY: GeometryOptions = {
  rows: 128,
  columns: 128,
  slices: 48,
  pixelSpacingMm: [2.8, 2.8],
  sliceSpacingMm: 5,
};

export interface PhantomInstance {
  readonly sopInstanceUid: string;
  /** Place of the slice along the normal: k of the truth's grid. */
  readonly k: number;
  /** A DICOM file, Part 10. */
  readonly bytes: Uint8Array;
  /** Truth of the slice, [rows, columns]. */
  readonly labels: Uint8Array;
}

export interface PhantomSeries {
  readonly anatomy: Anatomy;
  readonly geometry: Geometry;
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly frameOfReferenceUid: string;
  /** Makes the instances one at a time, in the order of their Instance Numbers. Each call makes the same ones again. */
  instances(): Generator<PhantomInstance, void, undefined>;
}

/**
 * A CT series of a made patient. The same options give the same bytes and UIDs.
 * @throws NoRoomError when a lesion has no place in the liver
 * @throws RangeError for a geometry that makes no grid
 */
export function makePhantomSeries(options: PhantomOptions = {}): PhantomSeries {
  const { seed = 1, lesions = 5, noiseSdHu = 11, attributes = {}, raw = [] } = options;
  const pixelFormat: PixelFormat = { ...defaultFormat(options.pixelFormat?.signed ?? false), ...options.pixelFormat };
  const { pose } = options;
  const lying = createAnatomy(seed, lesions);
  const anatomy = pose ? posed(lying, pose) : lying;
  const geometry = layOut(options.geometry ?? SAMPLE_GEOMETRY, anatomy.centreMm);
  const identity = JSON.stringify({
    seed,
    lesions,
    geometry,
    pose,
    noiseSdHu,
    pixelFormat,
    attributes,
    raw: raw.map(({ tag, vr, value }) => [tag, vr, Buffer.from(value).toString('hex')]),
  });
  const uid = (...parts: string[]) => derivedUid('hepar', 'phantom', identity, ...parts);
  const uids = {
    studyInstanceUid: uid('study'),
    seriesInstanceUid: uid('series'),
    frameOfReferenceUid: uid('frame of reference'),
  };
  return {
    anatomy,
    geometry,
    ...uids,
    *instances() {
      const scan = makeScanner(anatomy, geometry, noiseSdHu);
      for (const [index, k] of instanceOrder(geometry, seed).entries()) {
        const sopInstanceUid = uid('instance', String(k));
        const { hu, labels } = scan(k);
        const bytes = writeCtImage(hu, {
          ...uids,
          sopInstanceUid,
          instanceNumber: index + 1,
          positionMm: geometry.positionsMm[k]!,
          geometry,
          pixelFormat,
          patientId: `HEPAR-PHANTOM-${seed}`,
          attributes,
          raw,
        });
        yield { sopInstanceUid, k, bytes, labels };
      }
    },
  };
}

/** All instances of a series and its truth on the grid of the slices, i fastest; for series that fit in memory. */
export function collectSeries(series: PhantomSeries): { instances: PhantomInstance[]; truth: LabelMap<Uint8Array> } {
  const { grid } = series.geometry;
  const [columns, rows, slices] = grid.shape;
  const labels = new Uint8Array(columns * rows * slices);
  const instances = [...series.instances()];
  for (const instance of instances) labels.set(instance.labels, instance.k * columns * rows);
  return { instances, truth: { grid, labels } };
}

const defaultFormat = (signed: boolean): PixelFormat =>
  signed
    ? { signed, bitsStored: 16, rescaleIntercept: 0, rescaleSlope: 1 }
    : { signed, bitsStored: 12, rescaleIntercept: -1024, rescaleSlope: 1 };

/** Slice numbers k in the order in which the instances are numbered. */
function instanceOrder({ slices, instanceOrder }: Geometry, seed: number): number[] {
  const order = Array.from({ length: slices }, (_, k) => k);
  if (instanceOrder === 'descending') return order.reverse();
  if (instanceOrder === 'ascending') return order;
  const random = makeRandom(seed, 'instance order');
  return order
    .map((k) => ({ k, place: random.bits() }))
    .sort((a, b) => a.place - b.place || a.k - b.k)
    .map(({ k }) => k);
}
