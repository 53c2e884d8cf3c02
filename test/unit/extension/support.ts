import type { EditState } from '../../../extension/src/state/session-state.ts';
import type { FindingsDocument, Lesion } from '../../../server/src/findings/schema.ts';
import type { SegmentationView } from '../../../server/src/http/contract.ts';

export const STUDY = '2.25.1';
export const SERIES = '2.25.2';

export function lesion(number: number, parts: Partial<Lesion> = {}): Lesion {
  return {
    number,
    segmentNumber: number + 1,
    trackingUid: `2.25.${100 + number}`,
    volumeMl: 10 / number,
    longAxisMm: 30 / number,
    longAxisEndsMm: [
      [0, 0, 0],
      [10, 20, 0],
    ],
    shortAxisMm: 20 / number,
    meanHu: 60,
    huSd: 12,
    confidence: 0.9,
    centroidMm: [5, 10, 1],
    sliceUid: '2.25.3',
    sliceFrame: null,
    algorithmType: 'automatic',
    ...parts,
  };
}

export function findings(lesions: readonly Lesion[], parts: Partial<FindingsDocument> = {}): FindingsDocument {
  return {
    run: 'a'.repeat(32),
    kind: 'segmentation',
    corrects: null,
    reviewer: null,
    supersedes: null,
    model: { id: 'hepar-ct-liver', version: '0.1.0', digest: 'd' },
    engine: {
      provider: 'cpu',
      device: 'CPU, 2 threads',
      timingsMs: { retrieve: 1, assemble: 1, segment: 1, measure: 1, report: 1, store: 1 },
    },
    series: {
      studyInstanceUID: STUDY,
      seriesInstanceUID: SERIES,
      slices: 100,
      columns: 512,
      rows: 512,
      spacingMm: [0.8, 0.8, 1.5],
    },
    objects: { seg: { seriesInstanceUID: '2.25.8', sopInstanceUID: '2.25.9' }, sr: null, secondaryCapture: null },
    liver: { volumeMl: 1500, parenchymaMl: 1485, algorithmType: 'automatic' },
    lesionBurdenMl: 15,
    lesions: [...lesions],
    priors: null,
    warnings: [],
    notice: 'Research use only.',
    ...parts,
  };
}

export function run(id: string, parts: Partial<SegmentationView> = {}): SegmentationView {
  return {
    id,
    studyInstanceUID: STUDY,
    seriesInstanceUID: SERIES,
    state: 'done',
    phase: null,
    fraction: null,
    progress: null,
    attempt: 1,
    createdAt: '2026-11-01T10:00:00.000Z',
    startedAt: '2026-11-01T10:00:01.000Z',
    finishedAt: '2026-11-01T10:00:31.000Z',
    elapsedMs: 30_000,
    remainingMs: null,
    failure: null,
    refusal: null,
    model: { id: 'hepar-ct-liver', version: '0.1.0', digest: 'd' },
    repeat: 0,
    origin: 'click',
    priority: 100,
    rule: null,
    deliveries: [],
    supersedes: null,
    position: null,
    kind: 'segmentation',
    corrects: null,
    reviewer: null,
    verdict: null,
    ...parts,
  };
}

/** A correction that was begun and has changes. */
export function edited(of: SegmentationView, parts: Partial<EditState> = {}): EditState {
  const editing = { run: of, segments: [], active: 2, tool: 'brush', radiusMm: 5 } as const;
  return { ...editing, isChanged: true, isLeaving: false, saving: null, ...parts };
}
