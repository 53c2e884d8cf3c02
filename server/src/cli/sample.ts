import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Archive } from '../dicomweb/archive.ts';
import type { FindingsDocument } from '../findings/schema.ts';
import type { PhantomLesion } from '../phantom/lesions.ts';
import { type Score, scoreAgainstTruth } from '../phantom/score.ts';
import { makePhantomSeries } from '../phantom/series.ts';
import { readSeg } from '../reports/read-seg.ts';

/** The sample study that is in the archive, and its truth. */
export interface Sample {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly voxelVolumeMl: number;
  /** SOP Instance UIDs of the slices, from k = 0 upwards. */
  readonly slices: readonly string[];
  readonly lesions: readonly Pick<PhantomLesion, 'number' | 'diameterMm' | 'volumeMl'>[];
  /** 0 background, 1 liver, 1 + n lesion n; slice after slice. */
  readonly truth: Uint8Array;
}

const descriptionSchema = z.object({
  studyInstanceUid: z.string(),
  seriesInstanceUid: z.string(),
  voxelVolumeMl: z.number(),
  slices: z.array(z.string()),
  lesions: z.array(z.object({ number: z.number(), diameterMm: z.number(), volumeMl: z.number() })),
});

/** What the sample must show, or the start fails. */
const LEAST_LIVER_DICE = 0.9;
const MUST_FIND_MM = 15;
const MOST_FALSE_LESIONS = 1;
/** Slices that are sent to the archive at a time. */
const BATCH = 20;

/** The sample that an earlier start loaded; null when there was none. */
export async function readSample(dir: string): Promise<Sample | null> {
  const text = await readFile(join(dir, 'sample.json'), 'utf8').catch(() => null);
  if (text === null) return null;
  return { ...descriptionSchema.parse(JSON.parse(text)), truth: await readFile(join(dir, 'truth.raw')) };
}

/** Makes the sample, stores it in the archive, and keeps its truth in `dir`. */
export async function loadSample(
  archive: Archive,
  dir: string,
  { signal, report }: { signal: AbortSignal; report: (fraction: number) => void },
): Promise<Sample> {
  const series = makePhantomSeries();
  const { grid } = series.geometry;
  const [columns, rows, count] = grid.shape;
  const truth = new Uint8Array(columns * rows * count);
  const slices: string[] = new Array(count);
  let batch: Uint8Array[] = [];
  let made = 0;
  for (const { k, sopInstanceUid, bytes, labels } of series.instances()) {
    signal.throwIfAborted();
    truth.set(labels, k * columns * rows);
    slices[k] = sopInstanceUid;
    batch.push(bytes);
    made++;
    if (batch.length === BATCH || made === count) {
      await archive.store(batch, series.studyInstanceUid, { signal });
      batch = [];
      report(made / count);
    }
  }
  const [x, y, z] = grid.spacingMm;
  const description = {
    studyInstanceUid: series.studyInstanceUid,
    seriesInstanceUid: series.seriesInstanceUid,
    voxelVolumeMl: (x * y * z) / 1000,
    slices,
    lesions: series.anatomy.lesions.map(({ number, diameterMm, volumeMl }) => ({ number, diameterMm, volumeMl })),
  };
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'truth.raw'), truth);
  await writeFile(join(dir, 'sample.json.part'), JSON.stringify(description));
  await rename(join(dir, 'sample.json.part'), join(dir, 'sample.json'));
  return { ...description, truth };
}

/** Compares the segmentation that lies in the archive with the sample's truth, frame by frame. */
export async function scoreSample(sample: Sample, archive: Archive, { objects }: FindingsDocument): Promise<Score> {
  const found = new Uint16Array(sample.truth.length);
  const pixels = sample.truth.length / sample.slices.length;
  const kOf = new Map(sample.slices.map((uid, k) => [uid, k]));
  for await (const file of archive.retrieveSeries(sample.studyInstanceUid, objects.seg!.seriesInstanceUid)) {
    for (const frame of readSeg(file).frames) {
      const k = kOf.get(frame.sourceSopInstanceUid ?? '');
      if (k === undefined) throw new Error('A frame of the segmentation refers to no slice of the sample.');
      frame.mask().forEach((inside, pixel) => {
        if (inside) found[k * pixels + pixel] = frame.segmentNumber;
      });
    }
  }
  return scoreAgainstTruth({ truth: sample.truth, found, voxelVolumeMl: sample.voxelVolumeMl });
}

/** The comparison in words, and what is wrong with it: [] when the sample was segmented as it must be. */
export function judgeSample({ lesions }: Sample, score: Score): { text: string; problems: string[] } {
  const diameters = new Map(lesions.map(({ number, diameterMm }) => [number, diameterMm]));
  const rows = score.lesions.map(({ number, trueMl, foundMl, found }) => {
    const result = found ? `found, ${foundMl.toFixed(1)} ml` : 'missed';
    return `  lesion ${number}: ${diameters.get(number)?.toFixed(0)} mm, ${trueMl.toFixed(1)} ml in truth; ${result}\n`;
  });
  const missed = score.lesions.filter(({ number, found }) => !found && (diameters.get(number) ?? 0) >= MUST_FIND_MM);
  const problems = [
    ...(score.liverDice < LEAST_LIVER_DICE
      ? [`the liver's Dice coefficient is ${score.liverDice.toFixed(3)}, below ${LEAST_LIVER_DICE.toFixed(2)}`]
      : []),
    ...missed.map(({ number }) => `lesion ${number}, ${diameters.get(number)?.toFixed(0)} mm, was missed`),
    ...(score.falseLesions.length > MOST_FALSE_LESIONS
      ? [`${score.falseLesions.length} false lesions, ${MOST_FALSE_LESIONS} allowed`]
      : []),
  ];
  const text = `Sample: liver Dice ${score.liverDice.toFixed(3)}, false lesions ${score.falseLesions.length}\n${rows.join('')}`;
  return { text, problems };
}
