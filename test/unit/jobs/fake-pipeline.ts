/**
 * A pipeline that computes nothing: which series it is given says how it behaves. It runs in the real engine process.
 * It writes what the real one writes, and in the same order, so that the server finds its results.
 */
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArchiveUnreachable } from '../../../server/src/dicomweb/errors.ts';
import { type FindingsDocument, NOTICE } from '../../../server/src/findings/schema.ts';
import { loadModel } from '../../../server/src/inference/model.ts';
import type { RunRequest } from '../../../server/src/pipeline.ts';
import { PHASES, type Progress } from '../../../server/src/progress.ts';
import { Refusal } from '../../../server/src/refusal.ts';

export const STUDY = '1.2.826.0.1';
export const SERIES = {
  quick: '1.2.826.0.1.1',
  /** Goes on until it is cancelled. */
  endless: '1.2.826.0.1.2',
  tilted: '1.2.826.0.1.3',
  /** The first attempt waits to be killed, the second does its work. */
  killedOnce: '1.2.826.0.1.4',
  /** The first attempt finds the archive down. */
  archiveDownOnce: '1.2.826.0.1.5',
  broken: '1.2.826.0.1.6',
  /** Hears nothing for twenty seconds, like a long computation. */
  deaf: '1.2.826.0.1.7',
  /** Ends its own process in every attempt. */
  crashing: '1.2.826.0.1.8',
  /** Takes about two seconds, with a message every few milliseconds. */
  talkative: '1.2.826.0.1.9',
  /** Goes on until it is cancelled, like the other. */
  endlessToo: '1.2.826.0.1.10',
} as const;

export async function runPipeline(request: RunRequest, { signal, report }: Progress): Promise<FindingsDocument> {
  const series = request.source.seriesInstanceUid;
  const computed = await readFile(join(request.outDir, 'findings.json'), 'utf8').catch(() => null);
  if (computed !== null) {
    for (const fraction of [0, 1]) report('store', fraction);
    return JSON.parse(computed);
  }
  const attempt = await countAttempt(request.outDir);
  report('retrieve', 0);
  switch (series) {
    case SERIES.tilted:
      throw new Refusal('gantry-tilt', 'The gantry was tilted by 12.5 degrees.', { degrees: 12.5 });
    case SERIES.broken:
      throw new TypeError('something is not a function\nsecond line');
    case SERIES.archiveDownOnce:
      if (attempt === 1) throw new ArchiveUnreachable('http://u:p@archive/', 'connection refused', { transient: true });
      break;
    case SERIES.crashing:
      process.stderr.write('last words\n');
      process.exit(3);
      break;
    case SERIES.killedOnce:
      if (attempt === 1) await sleep(60_000, undefined, { signal });
      break;
    case SERIES.endless:
    case SERIES.endlessToo:
      for (let step = 0; ; step++) {
        report('segment', Math.min(0.9, step / 100));
        await sleep(20);
        signal.throwIfAborted();
      }
    case SERIES.deaf:
      report('segment', 0.1);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000);
      break;
    case SERIES.talkative:
      for (let step = 0; step < 400; step++) {
        report('segment', step / 400);
        await sleep(5, undefined, { signal });
      }
  }
  // Phases come in their order, and one that was passed does not come again.
  const left = series === SERIES.talkative ? PHASES.slice(PHASES.indexOf('segment')) : PHASES;
  for (const phase of left) {
    for (const fraction of [0, 0.5, 1]) report(phase, fraction);
  }
  const findings = findingsOf(request);
  const picture = Buffer.from('89504e470d0a1a0a', 'hex');
  await writeFile(join(request.outDir, 'preview.png'), picture);
  const model = request.heatMap && request.modelDir !== null ? await loadModel(request.modelDir) : null;
  if (model?.manifest.cascade.segment.presence) await writeFile(join(request.outDir, 'heatmap.png'), picture);
  await writeFile(join(request.outDir, 'findings.json'), JSON.stringify(findings));
  return findings;
}

async function countAttempt(outDir: string): Promise<number> {
  await mkdir(outDir, { recursive: true });
  for (let attempt = 1; ; attempt++) {
    const mark = join(outDir, `attempt-${attempt}`);
    const began = await access(mark).then(
      () => true,
      () => false,
    );
    if (began) continue;
    await writeFile(mark, '');
    return attempt;
  }
}

function findingsOf(request: RunRequest): FindingsDocument {
  const timingsMs = { retrieve: 1, assemble: 2, segment: 3, measure: 4, report: 5, store: 6 };
  const series = {
    studyInstanceUID: STUDY,
    seriesInstanceUID: request.source.seriesInstanceUid!,
    slices: 3,
    columns: 4,
    rows: 3,
    spacingMm: [0.8, 0.8, 2.5] as [number, number, number],
  };
  return {
    run: request.runId,
    kind: request.correction ? 'correction' : 'segmentation',
    corrects: request.correction?.corrects ?? null,
    reviewer: request.correction?.reviewer ?? null,
    supersedes: request.supersedes,
    model: { id: 'fake', version: '1', digest: 'd' },
    engine: { provider: 'cpu', device: 'CPU', timingsMs },
    series,
    objects: {
      seg: { seriesInstanceUID: `${series.seriesInstanceUID}.1`, sopInstanceUID: `${series.seriesInstanceUID}.2` },
      sr: null,
      secondaryCapture: null,
    },
    liver: { volumeMl: 1500, parenchymaMl: 1500, algorithmType: 'automatic' },
    lesionBurdenMl: 0,
    lesions: [],
    priors: null,
    warnings: [],
    notice: NOTICE,
  };
}
