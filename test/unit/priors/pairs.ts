import type { Findings } from '../../../server/src/findings/measure.ts';
import { measure } from '../../../server/src/findings/measure.ts';
import { LESION, LIVER, type Segmentation } from '../../../server/src/inference/segmentation.ts';
import { createAnatomy } from '../../../server/src/phantom/anatomy.ts';
import { type FollowUp, planFollowUp } from '../../../server/src/phantom/follow-up.ts';
import { type GeometryOptions, layOut } from '../../../server/src/phantom/geometry.ts';
import type { LesionRequest } from '../../../server/src/phantom/lesions.ts';
import { type Pose, posed } from '../../../server/src/phantom/pose.ts';
import { makeRandom, type Random } from '../../../server/src/phantom/random.ts';
import { makeScanner } from '../../../server/src/phantom/scanner.ts';
import type { EarlierScan } from '../../../server/src/priors/compare.ts';
import { dot, toPatient, toVoxel, wholeBox } from '../../../server/src/volume/geometry.ts';
import type { CtSeries } from '../../../server/src/volume/series.ts';
import type { Grid, LabelMap, Vec3 } from '../../../server/src/volume/volume.ts';

/** A phantom's truth at one time, taken for a result: what a perfect model would have found. */
export interface Scan {
  readonly series: { readonly frameOfReferenceUid: string; readonly volume: { readonly grid: Grid } };
  readonly segments: LabelMap<Uint16Array>;
  readonly findings: Findings;
  /** By lesion number of the result: the phantom's lesions that it consists of. */
  readonly made: readonly (readonly number[])[];
}

export interface Pair {
  readonly seed: number;
  readonly plan: FollowUp;
  readonly before: Scan;
  readonly after: Scan;
  readonly pose: Pose;
}

/** Moves the places of a body a little, here more than there: no rigid motion undoes it. */
type Bend = (positionMm: Vec3) => Vec3;

/** Two scans of one patient: lesions changed, patient turned, shifted and in another breath, another scanner. */
export async function makePair(seed: number): Promise<Pair> {
  const plan = planFollowUp(seed);
  const random = makeRandom(seed, 'pair');
  const pose: Pose = {
    rotationDeg: [random.normal(0, 5), random.normal(0, 5), random.normal(0, 8)],
    shiftMm: [random.normal(0, 15), random.normal(0, 15), random.normal(0, 30)],
  };
  return {
    seed,
    plan,
    pose,
    before: await scan(seed, plan.before, anyGeometry(random), null),
    after: await scan(seed, plan.after, anyGeometry(random), pose, anyBend(random)),
  };
}

export async function scan(
  seed: number,
  lesions: readonly LesionRequest[],
  options: GeometryOptions,
  pose: Pose | null,
  bend: Bend | null = null,
): Promise<Scan> {
  const lying = createAnatomy(seed, lesions);
  const anatomy = pose ? posed(lying, pose) : lying;
  const centre: Vec3 = [anatomy.centreMm[0] - 22, anatomy.centreMm[1], anatomy.centreMm[2]];
  const geometry = layOut({ centreMm: centre, ...options }, centre);
  const scanSlice = makeScanner(anatomy, geometry, 0);
  const { grid } = geometry;
  const [columns, rows, slices] = grid.shape;
  const truth = new Uint8Array(columns * rows * slices);
  for (let k = 0; k < slices; k++) truth.set(scanSlice(k).labels, k * columns * rows);
  const labels = bend ? bent({ grid, labels: truth }, bend) : truth;
  return resultOf({ grid, labels }, `1.2.${seed}.${pose ? 2 : 1}`);
}

/** @param truth as the phantom gives it: 0, 1 liver, 1 + n lesion n */
export async function resultOf(truth: LabelMap<Uint8Array>, frameOfReferenceUid: string): Promise<Scan> {
  const { grid, labels } = truth;
  const series = {
    frameOfReferenceUid,
    volume: { grid, hu: new Int16Array(labels.length) },
    slices: Array.from({ length: grid.shape[2] }, (_, k) => ({ sopInstanceUid: `1.2.${k + 1}`, frameNumber: null })),
  } as unknown as CtSeries;
  const segmentation = {
    labelMap: { grid, labels: labels.map((label) => (label > 1 ? LESION : label === 1 ? LIVER : 0)) },
    lesionProbability: { box: wholeBox(grid), values: new Uint8Array(labels.length) },
  } as unknown as Segmentation;
  const signal = new AbortController().signal;
  const { findings, segments } = await measure(series, segmentation, `run ${frameOfReferenceUid}`, {
    signal,
    report: () => {},
  });
  const made = findings.lesions.map(() => new Set<number>());
  segments.labels.forEach((segment, at) => {
    if (segment > 1) made[segment - 2]!.add(labels[at]! - 1);
  });
  return { series, segments, findings, made: made.map((set) => [...set].sort((a, b) => a - b)) };
}

/** A scan as a comparison takes it from its segmentation. */
export function asPrior({ series, segments, findings }: Scan, intervalDays: number | null = 90): EarlierScan {
  return {
    intervalDays,
    fieldOfView: series.volume.grid,
    result: {
      provenance: { runId: 'earlier', supersedes: null },
      header: undefined as never,
      seg: { seriesInstanceUID: '1.2.3', sopInstanceUID: '1.2.4' },
      studyInstanceUid: '1.2.5',
      frameOfReferenceUid: series.frameOfReferenceUid,
      source: { seriesInstanceUid: '1.2.6', sopInstanceUids: [] },
      segments,
      liverVolumeMl: findings.liver.volumeMl,
      lesions: findings.lesions.map(
        ({ segmentNumber, trackingUid, volumeMl, longAxisMm, shortAxisMm, centroidMm }) => ({
          segmentNumber,
          trackingUid,
          volumeMl,
          longAxisMm,
          shortAxisMm,
          centroidMm,
        }),
      ),
    },
  };
}

/** Waves of 120 to 240 mm along any direction, of up to 6 mm along each axis. */
function anyBend(random: Random): Bend {
  const waves = [0, 1, 2].map(() => {
    const [x, y, z] = [random.normal(0, 1), random.normal(0, 1), random.normal(0, 1)];
    const perMm = (2 * Math.PI) / (random.between(120, 240) * Math.hypot(x, y, z));
    return {
      direction: [x * perMm, y * perMm, z * perMm] as Vec3,
      phase: random.between(0, 7),
      mm: random.between(0, 6),
    };
  });
  return (p) =>
    waves.map(
      ({ direction, phase, mm }, axis) => p[axis]! + mm * Math.sin(dot(direction, p) + phase),
    ) as unknown as Vec3;
}

/** Each voxel takes the label of the place that the bend brings there. */
function bent({ grid, labels }: LabelMap<Uint8Array>, bend: Bend): Uint8Array {
  const [nx, ny, nz] = grid.shape;
  return labels.map((_, at) => {
    const place = toPatient(grid, [at % nx, Math.floor(at / nx) % ny, Math.floor(at / (nx * ny))]);
    const [i, j, k] = toVoxel(grid, bend(place)).map(Math.round) as [number, number, number];
    const isInside = i >= 0 && j >= 0 && k >= 0 && i < nx && j < ny && k < nz;
    return isInside ? labels[i + nx * (j + ny * k)]! : 0;
  });
}

/** A scanner's usual ways to lay out its slices; all hold the whole liver. */
function anyGeometry(random: Random): GeometryOptions {
  const pixel = random.pick([2.6, 3, 3.4]);
  const spacing = random.pick([3, 4, 5]);
  const oblique = random.chance(0.3);
  return {
    rows: Math.ceil(255 / pixel),
    columns: Math.ceil(280 / pixel),
    slices: Math.ceil(250 / spacing),
    pixelSpacingMm: [pixel, pixel * random.pick([1, 1, 0.9])],
    sliceSpacingMm: spacing,
    patientPosition: random.pick(['HFS', 'HFP', 'FFS', 'FFP']),
    negateRows: random.chance(0.2),
    negateColumns: random.chance(0.2),
    rotationDeg: oblique ? [random.between(-15, 15), random.between(-10, 10), random.between(-10, 10)] : [0, 0, 0],
  };
}
