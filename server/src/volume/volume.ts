/** A point or direction [x, y, z] in the DICOM patient system: x to the Left, y to Posterior, z to Superior. */
export type Vec3 = readonly [number, number, number];

/** A regular grid of voxels in patient space. Index triples are [i, j, k]; i is fastest in memory. */
export interface Grid {
  /** Number of voxels along i, j, k. */
  readonly shape: Vec3;
  /** Distance between voxel centres along i, j, k. */
  readonly spacingMm: Vec3;
  /** Patient position of the centre of voxel [0, 0, 0]. */
  readonly originMm: Vec3;
  /** Unit directions in which i, j, k grow; orthogonal and right-handed. */
  readonly axes: readonly [Vec3, Vec3, Vec3];
}

/** A CT volume: value [i, j, k] of `hu` is at i + nx * (j + ny * k). */
export interface Volume {
  readonly grid: Grid;
  readonly hu: Int16Array;
}

/** Labels on a grid, addressed as a Volume's values are. What a value means is the maker's to say. */
export interface LabelMap<Labels extends Uint8Array | Uint16Array = Uint8Array | Uint16Array> {
  readonly grid: Grid;
  readonly labels: Labels;
}

/** A box of voxels: from `start` (inclusive), `size` voxels along i, j, k. */
export interface Box {
  readonly start: Vec3;
  readonly size: Vec3;
}

/** Where a slice of the volume came from. */
export interface SourceSlice {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  /** 1-based frame of an enhanced multi-frame instance; null for a single-frame one. */
  readonly frameNumber: number | null;
  /** Image Position (Patient): centre of the first stored pixel. */
  readonly positionMm: Vec3;
}
