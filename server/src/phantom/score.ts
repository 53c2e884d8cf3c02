/** Labels of a phantom's truth and of a segmentation on one grid: 0 background, 1 liver, 1 + n lesion n. */
export interface ScoredLabels {
  readonly truth: Uint8Array | Uint16Array;
  readonly found: Uint8Array | Uint16Array;
  readonly voxelVolumeMl: number;
}

export interface LesionScore {
  /** The phantom's number of the lesion. */
  readonly number: number;
  readonly trueMl: number;
  /** Volume of the segmented lesions that touch it; 0 when it was missed. */
  readonly foundMl: number;
  readonly found: boolean;
}

export interface Score {
  /** Dice coefficient of the liver with its lesions. */
  readonly liverDice: number;
  readonly lesions: readonly LesionScore[];
  /** Segmented lesions that lie outside the phantom's: their segment numbers and volumes. */
  readonly falseLesions: readonly { readonly segmentNumber: number; readonly volumeMl: number }[];
}

/** A lesion counts as found when at least this share of its voxels is segmented as lesion. */
const FOUND_SHARE = 0.25;
/** A segmented lesion counts as false when less than this share of its voxels lies in a lesion of the phantom. */
const TRUE_SHARE = 0.1;
const FIRST_LESION = 2;

/** Compares a segmentation with a phantom's truth, voxel by voxel. Both arrays have one value for each voxel of the same grid. */
export function scoreAgainstTruth({ truth, found, voxelVolumeMl }: ScoredLabels): Score {
  const trueSizes = new Map<number, number>();
  const foundSizes = new Map<number, number>();
  /** Voxels of a lesion of the phantom that are segmented as lesion; and of a segmented lesion that are lesion in the phantom. */
  const hitOfTrue = new Map<number, number>();
  const hitOfFound = new Map<number, number>();
  const touching = new Map<number, Set<number>>();
  let both = 0;
  let either = 0;
  for (let voxel = 0; voxel < truth.length; voxel++) {
    const t = truth[voxel]!;
    const f = found[voxel]!;
    if (t === 0 && f === 0) continue;
    either += (t > 0 ? 1 : 0) + (f > 0 ? 1 : 0);
    if (t > 0 && f > 0) both++;
    if (t >= FIRST_LESION) add(trueSizes, t);
    if (f >= FIRST_LESION) add(foundSizes, f);
    if (t >= FIRST_LESION && f >= FIRST_LESION) {
      add(hitOfTrue, t);
      add(hitOfFound, f);
      touching.set(t, (touching.get(t) ?? new Set()).add(f));
    }
  }
  const lesions = [...trueSizes]
    .sort(([a], [b]) => a - b)
    .map(([label, size]) => ({
      number: label - 1,
      trueMl: size * voxelVolumeMl,
      foundMl: sum([...(touching.get(label) ?? [])].map((each) => foundSizes.get(each)!)) * voxelVolumeMl,
      found: (hitOfTrue.get(label) ?? 0) >= FOUND_SHARE * size,
    }));
  const falseLesions = [...foundSizes]
    .filter(([label, size]) => (hitOfFound.get(label) ?? 0) < TRUE_SHARE * size)
    .map(([segmentNumber, size]) => ({ segmentNumber, volumeMl: size * voxelVolumeMl }));
  return { liverDice: either === 0 ? 1 : (2 * both) / either, lesions, falseLesions };
}

function add(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
