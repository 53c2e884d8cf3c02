import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Archive } from '../dicomweb/archive.ts';
import { readFiles } from '../dicomweb/files.ts';
import type { FindingsDocument } from '../findings/schema.ts';
import { writePhantomFolder } from '../phantom/folder.ts';
import { type Score, scoreAgainstTruth } from '../phantom/score.ts';
import { makePhantomSeries } from '../phantom/series.ts';
import { readSeg } from '../reports/read-seg.ts';
import { toVoxel, voxelMl } from '../volume/geometry.ts';

const triple = z.tuple([z.number(), z.number(), z.number()]);
/** The part of a phantom's truth.json that the sample needs. */
const truthSchema = z.object({
  series: z.object({ studyInstanceUid: z.string(), seriesInstanceUid: z.string() }),
  labelMap: z.object({
    grid: z.object({ shape: triple, spacingMm: triple, originMm: triple, axes: z.tuple([triple, triple, triple]) }),
  }),
  lesions: z.array(z.object({ number: z.number(), diameterMm: z.number() })),
});

/** The sample study: a phantom series in the archive, and its truth. */
export interface Sample extends z.infer<typeof truthSchema> {
  /** On the grid of `labelMap`, i fastest: 0 background, 1 liver, 1 + n lesion n. */
  readonly truth: Uint8Array;
}

/** What the sample must show, or the start fails. */
const LEAST_LIVER_DICE = 0.9;
const MUST_FIND_MM = 15;
const MOST_FALSE_LESIONS = 1;

/**
 * The sample, as it is in the archive: from an earlier start, or made and stored now when `mayLoad` says that the archive
 * may have it; null when it may not. Its truth is kept in `dir`.
 */
export async function provideSample(
  archive: Archive,
  dir: string,
  mayLoad: () => Promise<boolean>,
  { signal, say }: { readonly signal: AbortSignal; readonly say: (line: string) => void },
): Promise<Sample | null> {
  const isKnown = existsSync(join(dir, 'truth.json'));
  if (!isKnown) {
    if (!(await mayLoad())) return null;
    say('Making a sample study: a phantom with a known liver and known lesions.');
    await rm(dir, { recursive: true, force: true });
    const quarters = (done: number, slices: number) => {
      if ((4 * done) % slices === 0) say(`  ${(100 * done) / slices} %`);
    };
    await writePhantomFolder(makePhantomSeries(), dir, { signal, onSlice: quarters });
  }
  const sample = {
    ...truthSchema.parse(JSON.parse(await readFile(join(dir, 'truth.json'), 'utf8'))),
    truth: await readFile(join(dir, 'truth.raw')),
  };
  const { studyInstanceUid, seriesInstanceUid } = sample.series;
  const stored = await archive.findInstances(studyInstanceUid, seriesInstanceUid, { signal });
  if (stored.length === sample.labelMap.grid.shape[2]) return sample;
  // Storing was interrupted; without the files it was complete once, and somebody has removed it from the archive.
  const files = join(dir, 'dicom');
  if (!existsSync(files)) return null;
  await archive.store(readFiles(files, { signal }), studyInstanceUid, { signal });
  await rm(files, { recursive: true });
  return sample;
}

/** Compares the segmentation that lies in the archive with the sample's truth, frame by frame. */
export async function scoreSample(sample: Sample, archive: Archive, { objects }: FindingsDocument): Promise<Score> {
  const { series, labelMap, truth } = sample;
  const { grid } = labelMap;
  const found = new Uint16Array(truth.length);
  const pixels = grid.shape[0] * grid.shape[1];
  for await (const file of archive.retrieveSeries(series.studyInstanceUid, objects.seg!.seriesInstanceUID)) {
    for (const frame of readSeg(file).frames) {
      const k = Math.round(toVoxel(grid, frame.positionMm)[2]);
      frame.mask().forEach((inside, pixel) => {
        if (inside) found[k * pixels + pixel] = frame.segmentNumber;
      });
    }
  }
  return scoreAgainstTruth({ truth, found, voxelVolumeMl: voxelMl(grid) });
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
