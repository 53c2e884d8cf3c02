import type { Vec3 } from '../volume/volume.ts';

/** The points of one image row, and what has been painted at them so far. All arrays have the same length. */
export interface Row {
  readonly count: number;
  /** Patient position of the first point, and the way from one to the next. */
  start: Vec3;
  step: Vec3;
  /** Points with first <= i < end lie in or near the body; the fields below hold for these only. */
  first: number;
  end: number;
  /** Position in the patient system. */
  readonly px: Float64Array;
  readonly py: Float64Array;
  readonly pz: Float64Array;
  /** The same, warped: the system that the organs are drawn in. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly z: Float64Array;
  /** The same, warped less: the system of the trunk, its wall and its skeleton. */
  readonly tx: Float64Array;
  readonly ty: Float64Array;
  readonly tz: Float64Array;
  /** Distance to the skin, to the outside of the muscular wall, and to the inside of the wall. */
  readonly skin: Float64Array;
  readonly wall: Float64Array;
  readonly cavity: Float64Array;
  /** Height over the diaphragm, measured across it: positive in the chest. */
  readonly above: Float64Array;
  /** Distance to the space for abdominal organs: inside the wall and below the diaphragm. */
  readonly room: Float64Array;
  /** Distance to the liver; far outside where it was not evaluated. */
  readonly liver: Float64Array;
  /** Textures: 4 mm, 9 mm and 26 mm. */
  readonly grain: Float32Array;
  readonly fine: Float32Array;
  readonly coarse: Float32Array;
  readonly hu: Float32Array;
  readonly labels: Uint8Array;
  /** Lowest and highest x, y, z of all three systems, as [xLow, xHigh, yLow, …]: for the whole row, then for each run of BLOCK points. */
  readonly boxes: Float64Array;
  /** 1 / the width over which an edge fades, in mm. */
  readonly sharpness: number;
}

/** A distance that means 'not near'. */
export const FAR = 1000;

/** Points of a run that is bounded by itself. */
export const BLOCK = 8;

/** A row to be used again and again: `placeRow` moves it. */
export function makeRow(count: number, blurMm: number): Row {
  const doubles = () => new Float64Array(count);
  const singles = () => new Float32Array(count);
  return {
    count,
    start: [0, 0, 0],
    step: [1, 0, 0],
    first: 0,
    end: count,
    px: doubles(),
    py: doubles(),
    pz: doubles(),
    x: doubles(),
    y: doubles(),
    z: doubles(),
    tx: doubles(),
    ty: doubles(),
    tz: doubles(),
    skin: doubles(),
    wall: doubles(),
    cavity: doubles(),
    above: doubles(),
    room: doubles(),
    liver: doubles(),
    grain: singles(),
    fine: singles(),
    coarse: singles(),
    hu: singles(),
    labels: new Uint8Array(count),
    boxes: new Float64Array(6 * (1 + Math.ceil(count / BLOCK))),
    sharpness: 1 / blurMm,
  };
}

/** Bounds the row and every run of it, so that `paint` can pass over what is far away. */
export function boundRow(row: Row): void {
  const { boxes } = row;
  const systems = [
    [row.px, row.x, row.tx],
    [row.py, row.y, row.ty],
    [row.pz, row.z, row.tz],
  ] as const;
  for (let axis = 0; axis < 3; axis++) {
    const [patient, organs, trunk] = systems[axis]!;
    let rowLow = Number.POSITIVE_INFINITY;
    let rowHigh = Number.NEGATIVE_INFINITY;
    for (let block = Math.floor(row.first / BLOCK); block * BLOCK < row.end; block++) {
      let low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      const to = Math.min((block + 1) * BLOCK, row.end);
      for (let i = Math.max(block * BLOCK, row.first); i < to; i++) {
        low = Math.min(low, patient[i]!, organs[i]!, trunk[i]!);
        high = Math.max(high, patient[i]!, organs[i]!, trunk[i]!);
      }
      boxes[6 * (block + 1) + 2 * axis] = low;
      boxes[6 * (block + 1) + 2 * axis + 1] = high;
      rowLow = Math.min(rowLow, low);
      rowHigh = Math.max(rowHigh, high);
    }
    boxes[2 * axis] = rowLow;
    boxes[2 * axis + 1] = rowHigh;
  }
}
