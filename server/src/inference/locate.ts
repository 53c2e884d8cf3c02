import { Refusal } from '../refusal.ts';
import { boundingBox, plainLayout } from '../volume/bounding-box.ts';
import { connectedComponents, largestComponent, paintComponents } from '../volume/components.ts';
import { patientAlignedGrid, voxelMl, wholeBox } from '../volume/geometry.ts';
import { resampleHu } from '../volume/resample.ts';
import type { Box, Grid, Vec3, Volume } from '../volume/volume.ts';
import { huTransform } from './intensity.ts';
import type { Stage } from './manifest.ts';
import type { Probabilities } from './probabilities.ts';
import { LiverSearch } from './search.ts';
import type { NetworkSession } from './session.ts';
import { atLeastWindow, type Field, runWindows } from './windows.ts';

/** Where the liver is, on a coarse grid that is aligned with the patient and covers the whole scan. */
export interface LocatedLiver {
  readonly grid: Grid;
  /** 1 in the liver (lesions included), else 0. One component. */
  readonly mask: Uint8Array;
  readonly box: Box;
  readonly medianHu: number;
}

/** A window without a voxel above this holds air alone. */
const AIR_HU = -500;

/** The whole scan on stage 1's grid, which is aligned with the patient. */
export function coarseField(volume: Volume, { spacingMm, windowVoxels }: Stage): Field {
  const grid = atLeastWindow(patientAlignedGrid(volume.grid, wholeBox(volume.grid), spacingMm), windowVoxels);
  return { grid, hu: resampleHu(volume, grid) };
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
  return { grid, mask, box: boundingBox(mask, plainLayout(grid.shape))!, medianHu: medianInside(mask, field) };
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
      for (let x = 0; x < wx; x++) if (hu[row + x]! > AIR_HU) return true;
    }
  }
  return false;
}

/**
 * Median HU of the mask's interior: its outermost voxels are left out, since they are mixed with fat and lung.
 * Of a mask that has no interior, all voxels count.
 */
function medianInside(mask: Uint8Array, { grid, hu }: Field): number {
  const inside: number[] = [];
  const all: number[] = [];
  for (let at = mask.indexOf(1); at >= 0; at = mask.indexOf(1, at + 1)) {
    all.push(hu[at]!);
    if (isInner(mask, grid.shape, at)) inside.push(hu[at]!);
  }
  const sorted = Float32Array.from(inside.length > 0 ? inside : all).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Whether a voxel of the mask has six neighbours, all of them of the mask. */
export function isInner(mask: Uint8Array, [nx, ny, nz]: Vec3, at: number): boolean {
  const [x, y, z] = [at % nx, Math.floor(at / nx) % ny, Math.floor(at / (nx * ny))];
  const atFace = x === 0 || y === 0 || z === 0 || x === nx - 1 || y === ny - 1 || z === nz - 1;
  const neighbours = [at - 1, at + 1, at - nx, at + nx, at - nx * ny, at + nx * ny];
  return !atFace && neighbours.every((neighbour) => mask[neighbour] === 1);
}
