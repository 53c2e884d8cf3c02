import { Refusal } from '../refusal.ts';
import { boundingBox, plainLayout } from '../volume/bounding-box.ts';
import { componentBox, connectedComponents, largestComponent, paintComponents } from '../volume/components.ts';
import {
  gridOfBox,
  patientAlignedGrid,
  toVoxel,
  voxelAt,
  voxelCount,
  voxelMl,
  wholeBox,
  widen,
} from '../volume/geometry.ts';
import { AIR_HU } from '../volume/hounsfield.ts';
import { resampleHu } from '../volume/resample.ts';
import type { Box, Grid, Vec3, Volume } from '../volume/volume.ts';
import { huTransform } from './intensity.ts';
import type { Stage } from './manifest.ts';
import type { Probabilities } from './probabilities.ts';
import { LiverSearch } from './search.ts';
import type { NetworkSession } from './session.ts';
import { windowsNeeded } from './tiles.ts';
import { atLeastWindow, type Field, runWindows } from './windows.ts';

/** Where the liver is, on a coarse grid that is aligned with the patient and covers the body. */
export interface LocatedLiver {
  readonly grid: Grid;
  /** 1 in the liver (lesions included), else 0. One component. */
  readonly mask: Uint8Array;
  readonly box: Box;
  readonly medianHu: number;
}

/** A window without a voxel above this holds air alone. */
const MOST_OF_AIR_HU = -500;

/** Fat and soft tissue are above this; air, lung, foam and cloth below. */
const TISSUE_HU = -200;
/** What the network is shown around the body. */
const AROUND_BODY_MM = 6;

/**
 * The scan on stage 1's grid, which is aligned with the patient: of it the box around the body, since air beside the
 * patient would take windows of its own.
 * @param leastLiverMl pieces of tissue that are smaller are no body
 */
export function coarseField(volume: Volume, stage: Stage, leastLiverMl: number): Field {
  const { windowVoxels } = stage;
  const grid = coarseGrid(volume.grid, stage);
  const whole = { grid, hu: resampleHu(volume, grid) };
  const body = bodyBox(whole, leastLiverMl);
  const around = body && widen(grid, body, AROUND_BODY_MM);
  return cut(whole, atLeastWindow(around ? gridOfBox(grid, around) : grid, windowVoxels));
}

/** How many windows the whole scan takes on stage 1's grid; the box around the body takes fewer. */
export function coarseWindows(scan: Grid, stage: Stage): number {
  return windowsNeeded(coarseGrid(scan, stage).shape, stage.windowVoxels, stage.overlap);
}

function coarseGrid(scan: Grid, { spacingMm }: Stage): Grid {
  return patientAlignedGrid(scan, wholeBox(scan), spacingMm);
}

/** The box around all pieces of tissue of at least a volume; null where there is none. */
function bodyBox({ grid, hu }: Field, leastMl: number): Box | null {
  const tissue = new Uint8Array(hu.length);
  for (let voxel = 0; voxel < tissue.length; voxel++) if (hu[voxel]! > TISSUE_HU) tissue[voxel] = 1;
  const pieces = connectedComponents(tissue, grid.shape, (value) => value === 1);
  paintComponents(tissue, pieces, (piece) => (pieces.sizes[piece]! * voxelMl(grid) < leastMl ? 0 : null));
  return boundingBox(tissue, plainLayout(grid.shape));
}

/** The field on a grid whose voxels are its own, or lie beside it, where there is air. */
function cut({ grid: from, hu }: Field, grid: Grid): Field {
  const [nx, ny, nz] = from.shape;
  const [width, height, depth] = grid.shape;
  const [x, y, z] = toVoxel(from, grid.originMm).map(Math.round) as unknown as Vec3;
  const [first, end] = [Math.max(0, x), Math.min(nx, x + width)];
  const part = new Float32Array(voxelCount(grid.shape)).fill(AIR_HU);
  for (let k = Math.max(0, z); k < Math.min(nz, z + depth); k++) {
    for (let j = Math.max(0, y); j < Math.min(ny, y + height); j++) {
      const row = nx * (j + ny * k);
      part.set(hu.subarray(row + first, row + end), first - x + width * (j - y + height * (k - z)));
    }
  }
  return { grid, hu: part };
}

/** Stage 1 of the cascade looks at the whole scan: what it says of each voxel. */
export async function lookForLiver(
  field: Field,
  stage: Stage,
  session: NetworkSession,
  signal: AbortSignal,
  done: (fraction: number) => void,
): Promise<Probabilities> {
  const { probabilities } = await runWindows(field, {
    stage,
    session,
    transform: huTransform(stage.intensity, Number.NaN),
    wanted: (start) => holdsTissue(field, start, stage.windowVoxels),
    rounds: new LiverSearch(field.grid, stage.windowVoxels),
    signal,
    done,
  });
  return probabilities;
}

/**
 * The liver in what stage 1 says.
 * @throws Refusal 'no-liver-in-view' when it is smaller than the manifest's least liver
 */
export function locateLiver(field: Field, { liver, lesion }: Probabilities, leastLiverMl: number): LocatedLiver {
  const { grid } = field;
  const mask = new Uint8Array(liver.length);
  for (let voxel = 0; voxel < mask.length; voxel++) if (liver[voxel]! + lesion[voxel]! > 0.5) mask[voxel] = 1;
  const components = connectedComponents(mask, grid.shape, (value) => value === 1);
  const largest = largestComponent(components);
  const foundMl = components.sizes[largest]! * voxelMl(grid);
  if (largest === 0 || foundMl < leastLiverMl) throw noLiver(foundMl, leastLiverMl);
  paintComponents(mask, components, (label) => (label === largest ? null : 0));
  return { grid, mask, box: componentBox(components, grid.shape, largest)!, medianHu: medianInside(mask, field) };
}

export function noLiver(foundMl: number, leastMl: number): Refusal {
  const found = Math.round(foundMl);
  const what = found === 0 ? 'nothing in it looks' : `only ${found} ml of it looks`;
  return new Refusal(
    'no-liver-in-view',
    `The series shows no liver: ${what} like liver, where at least ${leastMl} ml is expected.`,
    { foundMl: found, leastMl },
  );
}

function holdsTissue({ grid, hu }: Field, start: Vec3, [wx, wy, wz]: Vec3): boolean {
  const [nx, ny] = grid.shape;
  for (let z = 0; z < wz; z++) {
    for (let y = 0; y < wy; y++) {
      const row = start[0] + nx * (start[1] + y + ny * (start[2] + z));
      for (let x = 0; x < wx; x++) if (hu[row + x]! > MOST_OF_AIR_HU) return true;
    }
  }
  return false;
}

/**
 * Median HU of the mask's interior: its outermost voxels are left out, since they are mixed with fat and lung.
 * Of a mask that has no interior, all voxels count.
 */
function medianInside(mask: Uint8Array, { grid, hu }: Field): number {
  const all: number[] = [];
  for (let at = mask.indexOf(1); at >= 0; at = mask.indexOf(1, at + 1)) all.push(at);
  const inside = all.filter((at) => isInner(mask, grid.shape, at));
  const sorted = Float32Array.from(inside.length > 0 ? inside : all, (at) => hu[at]!).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Whether a voxel of the mask has six neighbours, all of them of the mask. */
export function isInner(mask: Uint8Array, shape: Vec3, at: number): boolean {
  const [nx, ny, nz] = shape;
  const [x, y, z] = voxelAt(shape, at);
  const atFace = x === 0 || y === 0 || z === 0 || x === nx - 1 || y === ny - 1 || z === nz - 1;
  if (atFace) return false;
  const alongX = mask[at - 1] === 1 && mask[at + 1] === 1;
  const alongY = mask[at - nx] === 1 && mask[at + nx] === 1;
  return alongX && alongY && mask[at - nx * ny] === 1 && mask[at + nx * ny] === 1;
}
