import type { Instance } from '../dicom/instance.ts';
import { derivedFrameOfReference } from '../volume/assemble.ts';
import { readFrameHeader } from '../volume/frame.ts';
import { cross, dot, subtract } from '../volume/geometry.ts';
import type { Vec3 } from '../volume/volume.ts';
import type { Claims, SliceClaim } from './verify/claims.ts';

/** A slice of the source as its own header states it. */
export interface KnownSlice {
  readonly positionMm: readonly number[];
  readonly orientation: readonly number[];
  readonly pixelSpacing: readonly number[];
  readonly rows: number | null;
  readonly columns: number | null;
}

/** The source series, by its headers alone. */
export interface KnownSeries {
  readonly seriesInstanceUid: string;
  readonly studyInstanceUids: ReadonlySet<string>;
  readonly patientIds: ReadonlySet<string>;
  readonly frameOfReferenceUids: ReadonlySet<string>;
  /** By SOP Instance UID and frame: see `sliceName`. */
  readonly slices: ReadonlyMap<string, KnownSlice>;
}

/** Right, with how many slices it covers of how many; or wrong, with the first reason that was found. */
export type Verdict =
  | { readonly isRight: true; readonly slices: number; readonly of: number }
  | { readonly isRight: false; readonly reason: string };

/** Positions are written with 16 characters, points of measurements in hundredths of a millimetre. */
const POSITION_TOLERANCE_MM = 0.01;
const POINT_TOLERANCE_MM = 0.05;
const COSINE_TOLERANCE = 1e-4;
const SPACING_TOLERANCE_MM = 1e-4;

/** Reads the headers of a series; its pixels are not touched. */
export async function knownSeries(seriesInstanceUid: string, instances: AsyncIterable<Instance>): Promise<KnownSeries> {
  const slices = new Map<string, KnownSlice>();
  const [studies, patients, frames] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for await (const { dataset, sopInstanceUid, frames: count } of instances) {
    studies.add(dataset.text('0020000d') ?? '');
    patients.add(dataset.text('00100020') ?? '');
    frames.add(dataset.text('00200052') ?? derivedFrameOfReference(seriesInstanceUid));
    const isMultiFrame = dataset.has('00280008');
    for (let frame = 0; frame < count; frame++) {
      const { position, orientation, pixelSpacing } = readFrameHeader(dataset, frame);
      slices.set(sliceName(sopInstanceUid, isMultiFrame ? frame + 1 : null), {
        positionMm: position,
        orientation,
        pixelSpacing,
        rows: dataset.number('00280010'),
        columns: dataset.number('00280011'),
      });
    }
  }
  return {
    seriesInstanceUid,
    studyInstanceUids: studies,
    patientIds: patients,
    frameOfReferenceUids: frames,
    slices,
  };
}

export function sliceName(sopInstanceUid: string, frameNumber: number | null): string {
  return frameNumber === null ? sopInstanceUid : `${sopInstanceUid} frame ${frameNumber}`;
}

/** Compares what an object says of its source with the source. */
export function verify(claims: Claims, source: KnownSeries): Verdict {
  const reason = firstProblem(claims, source);
  if (reason !== null) return { isRight: false, reason };
  const covered = new Set(
    claims.slices.map(({ sopInstanceUid, frameNumber }) => sliceName(sopInstanceUid, frameNumber)),
  );
  return { isRight: true, slices: covered.size, of: source.slices.size };
}

function firstProblem(claims: Claims, source: KnownSeries): string | null {
  if (!source.studyInstanceUids.has(claims.studyInstanceUid)) return 'it is in another study than its source series';
  if (!source.patientIds.has(claims.patientId)) return 'its Patient ID is another than that of its source series';
  for (const uid of claims.frameOfReferenceUids) {
    if (!source.frameOfReferenceUids.has(uid)) return `its frame of reference ${uid} is not that of its source series`;
  }
  if (claims.slices.length === 0) return 'it refers to no slice of its source series';
  for (const claim of claims.slices) {
    const problem = sliceProblem(claim, claims, source);
    if (problem !== null) return problem;
  }
  return null;
}

function sliceProblem(claim: SliceClaim, { plane }: Claims, source: KnownSeries): string | null {
  const name = sliceName(claim.sopInstanceUid, claim.frameNumber);
  // An enhanced image may be referred to as a whole.
  const slice = source.slices.get(name) ?? source.slices.get(sliceName(claim.sopInstanceUid, 1));
  if (!slice) return `${claim.by} refers to ${name || 'nothing'}, which is not in its source series`;
  if (claim.frameNumber !== null && !source.slices.has(name))
    return `${claim.by} refers to ${name}, which is not there`;
  const off = positionError(claim, slice);
  if (off > POSITION_TOLERANCE_MM) return `${claim.by} lies ${off.toFixed(2)} mm off slice ${name}, which it names`;
  for (const point of claim.pointsMm) {
    const distance = Math.abs(dot(subtract(vector(point), vector(slice.positionMm)), normalOf(slice)));
    if (!(distance <= POINT_TOLERANCE_MM)) {
      return `a point of ${claim.by} lies ${distance.toFixed(2)} mm off slice ${name}, which it names`;
    }
  }
  if (plane === null) return null;
  if (plane.rows !== slice.rows || plane.columns !== slice.columns) {
    return `it has ${plane.columns} x ${plane.rows} pixels, its source ${slice.columns} x ${slice.rows}`;
  }
  if (plane.orientation.some((cosine, n) => Math.abs(cosine - slice.orientation[n]!) > COSINE_TOLERANCE)) {
    return `${claim.by} is turned against slice ${name}, which it names`;
  }
  if (plane.pixelSpacing.some((mm, n) => Math.abs(mm - slice.pixelSpacing[n]!) > SPACING_TOLERANCE_MM)) {
    return `its pixels are ${plane.pixelSpacing.join(' x ')} mm, those of its source ${slice.pixelSpacing.join(' x ')} mm`;
  }
  return null;
}

function positionError({ positionMm }: SliceClaim, slice: KnownSlice): number {
  if (positionMm === null) return 0;
  const error = Math.hypot(...slice.positionMm.map((mm, axis) => mm - (positionMm[axis] ?? Number.NaN)));
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

function normalOf({ orientation }: KnownSlice): Vec3 {
  return cross(vector(orientation.slice(0, 3)), vector(orientation.slice(3, 6)));
}

function vector([x = Number.NaN, y = Number.NaN, z = Number.NaN]: readonly number[]): Vec3 {
  return [x, y, z];
}
