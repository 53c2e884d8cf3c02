import type { PhantomSeries } from './series.ts';
import { measureVolumes } from './volumes.ts';

const NOTICE = 'Synthetic: made by code, shows no patient.';

/** Counts how often each label occurs among a series' truth. */
export class LabelCount {
  readonly #counts = new Uint32Array(256);

  add(labels: Uint8Array): void {
    for (const label of labels) this.#counts[label]!++;
  }

  of(label: number): number {
    return this.#counts[label]!;
  }
}

/**
 * What truth.json says beside truth.raw. `volumeMl` is that of the shape itself, `voxelVolumeMl` that of its voxels in this series,
 * which differs for coarse grids and where the field of view ends.
 */
export function describeTruth(series: PhantomSeries, counts: LabelCount) {
  const { anatomy, geometry, studyInstanceUid, seriesInstanceUid, frameOfReferenceUid } = series;
  const { grid } = geometry;
  const voxelMl = (grid.spacingMm[0] * grid.spacingMm[1] * grid.spacingMm[2]) / 1000;
  const volumes = measureVolumes(anatomy);
  const ml = (value: number) => Math.round(value * 1000) / 1000;
  const lesions = anatomy.lesions.map((lesion, n) => ({
    number: lesion.number,
    label: 1 + lesion.number,
    kind: lesion.kind,
    centreMm: lesion.centreMm,
    diameterMm: lesion.diameterMm,
    contrastHu: lesion.contrastHu,
    volumeMl: ml(volumes.lesionsMl[n]!),
    voxelVolumeMl: ml(counts.of(1 + lesion.number) * voxelMl),
  }));
  const lesionVoxels = lesions.reduce((sum, { label }) => sum + counts.of(label), 0);
  return {
    schema: 1,
    notice: NOTICE,
    seed: anatomy.seed,
    series: { studyInstanceUid, seriesInstanceUid, frameOfReferenceUid },
    geometry: {
      rows: geometry.rows,
      columns: geometry.columns,
      slices: geometry.slices,
      pixelSpacingMm: geometry.pixelSpacingMm,
      sliceSpacingMm: geometry.sliceSpacingMm,
      patientPosition: geometry.patientPosition,
      instanceOrder: geometry.instanceOrder,
    },
    /** truth.raw: one byte a voxel, i (column) fastest, then j (row), then k (along the slice normal, `axes[2]`). */
    labelMap: {
      file: 'truth.raw',
      type: 'uint8',
      grid,
      labels: { background: 0, liverWithoutLesions: 1, firstLesion: 2 },
    },
    liver: {
      hu: anatomy.liverHu,
      volumeMl: ml(volumes.liverMl),
      parenchymaMl: ml(volumes.parenchymaMl),
      voxelVolumeMl: ml((counts.of(1) + lesionVoxels) * voxelMl),
    },
    lesions,
  };
}

export type PhantomTruth = ReturnType<typeof describeTruth>;
