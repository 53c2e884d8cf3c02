import type { Vec3 } from '../volume/volume.ts';
import { colon, smallBowel, stomach } from './gut.ts';
import { type LesionRequest, lesionStructures, type PhantomLesion, placeLesions, usualLesions } from './lesions.ts';
import { LIVER_LABEL, liver } from './liver.ts';
import { gallbladder, kidneys, pancreas, spleen } from './organs.ts';
import { paint } from './paint.ts';
import { makeRandom, type Random } from './random.ts';
import { makeRow, type Row } from './row.ts';
import { type Bounds, clamp, type Structure } from './shapes.ts';
import { ribs, spine } from './skeleton.ts';
import { thorax } from './thorax.ts';
import { makeTrunk, placeRow, type Trunk } from './trunk.ts';
import { greatVessels, liverVessels } from './vessels.ts';
import { diaphragm, tableTopDistance, trunkWall } from './wall.ts';

const AIR_HU = -1000;
const TABLE_HU = 90;

/** HU and truth at the points of one image row; the arrays are reused by the next call. */
export interface SampledRow {
  readonly hu: Float32Array;
  readonly labels: Uint8Array;
}

/** A patient of whom every point is known, and any grid can be sampled. Positions in the patient system, mm. */
export interface Anatomy {
  readonly seed: number;
  /** HU of the liver's parenchyma before its fine texture. */
  readonly liverHu: number;
  readonly lesions: readonly PhantomLesion[];
  /** Holds the whole liver. */
  readonly liverBounds: Bounds;
  /** Middle of the upper abdomen: where a scan of the liver is centred. */
  readonly centreMm: Vec3;
  /**
   * A function that evaluates rows of `count` points, `step` apart from `start`. Edges fade over `blurMm`; labels do not depend on it:
   * 0 background, 1 liver without its lesions, 1 + n lesion n.
   */
  sampler(count: number, blurMm: number): (start: Vec3, step: Vec3) => SampledRow;
}

/** The same seed and lesions give the same patient. @throws NoRoomError when a lesion has no place in the liver */
export function createAnatomy(seed: number, lesions: number | readonly LesionRequest[] = 5): Anatomy {
  const stream = (name: string) => makeRandom(seed, name);
  const trunk = makeTrunk(stream('trunk'));
  const liverHu = Math.round(stream('liver hu').between(100, 110));
  const beforeLesions = healthyStructures(trunk, stream, liverHu);

  const probe = makeSampler(trunk, beforeLesions, 1, 1);
  const isLiver = (point: Vec3) => probe(point, [1, 0, 0]).labels[0] === LIVER_LABEL;
  const requests = typeof lesions === 'number' ? usualLesions(lesions, stream('lesions')) : lesions;
  const placed = placeLesions(requests, trunk, stream('places'), isLiver);

  const structures = [...beforeLesions, ...lesionStructures(placed, liverHu)];
  const round = (mm: number) => Math.round(mm * 10) / 10;
  return {
    seed,
    liverHu,
    lesions: placed,
    // Warped points lie up to 10 mm from where they are drawn.
    liverBounds: {
      low: [-trunk.halfWidth - 5, -trunk.front - 10, -120],
      high: [95, trunk.back + 10, trunk.rightDome + 12],
    },
    centreMm: [0, round((trunk.back + 42 - trunk.front - 11) / 2), round(trunk.rightDome / 2 - 36)],
    sampler: (count, blurMm) => makeSampler(trunk, structures, count, blurMm),
  };
}

/** Everything but lesions, in the order in which it is painted: what lies in front of what. */
function healthyStructures(trunk: Trunk, stream: (name: string) => Random, liverHu: number): Structure[] {
  return [
    ...trunkWall(trunk, stream('wall')),
    ...diaphragm(trunk),
    ...smallBowel(trunk, stream('small bowel')),
    ...pancreas(trunk),
    ...colon(trunk, stream('colon')),
    ...stomach(trunk, stream('stomach')),
    ...spleen(trunk, stream('spleen')),
    ...liver(trunk, stream('liver'), liverHu),
    ...liverVessels(trunk, stream('liver vessels')),
    ...gallbladder(trunk, stream('gallbladder')),
    ...kidneys(trunk, stream('kidneys')),
    ...greatVessels(trunk),
    ...thorax(trunk, stream('thorax')),
    ...spine(trunk, stream('spine')),
    ...ribs(trunk, stream('ribs')),
  ];
}

function makeSampler(trunk: Trunk, structures: readonly Structure[], count: number, blurMm: number) {
  const row: Row = makeRow(count, blurMm);
  return (start: Vec3, step: Vec3): SampledRow => {
    row.start = start;
    row.step = step;
    placeRow(row, trunk);
    row.labels.fill(0);
    for (let i = 0; i < count; i++) {
      const share = 0.5 - tableTopDistance(row.px[i]!, row.py[i]!, trunk) * row.sharpness;
      row.hu[i] = AIR_HU + clamp(share, 0, 1) * (TABLE_HU - AIR_HU);
    }
    if (row.first < row.end) for (const structure of structures) paint(row, structure);
    return row;
  };
}
