import type { Findings } from '../findings/measure.ts';
import type { FindingsDocument } from '../findings/schema.ts';
import { buildCaptures } from './capture.ts';
import { objectUids } from './composite.ts';
import { encodePng } from './preview/png.ts';
import { drawMontage, drawPages } from './preview.ts';
import { buildSeg, type SegInput } from './seg.ts';
import { buildSr } from './sr.ts';

/** What all objects of a result are made from. */
export interface ResultInput extends Omit<SegInput, 'lesions'> {
  readonly findings: Findings;
}

export interface ResultObjects {
  /** UIDs of the objects that a reader of the findings may ask the archive for. */
  readonly uids: FindingsDocument['objects'];
  /** Content by file name. What ends in .dcm belongs into the archive. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** Names of the files of a result, relative to its folder. */
export const OBJECT_FILES = {
  seg: 'segmentation.dcm',
  capture: (number: number) => `secondary-capture/${String(number).padStart(4, '0')}.dcm`,
  preview: 'preview.png',
  sr: 'report.dcm',
} as const;

/**
 * Makes all objects of a result, of a run as of a corrected one. The same input gives the same bytes.
 * @throws InvalidSegmentation when the labels and the findings contradict each other
 */
export function makeObjects(input: ResultInput, report: (fraction: number) => void = () => {}): ResultObjects {
  const { runId, findings } = input;
  const { lesions } = findings;
  const seg = buildSeg({ ...input, lesions });
  report(0.4);
  const montage = drawMontage({ ...input, lesions });
  const sheets = [montage, ...drawPages({ ...input, lesions })];
  report(0.7);
  const captures = buildCaptures({ ...input, sheets });
  const { rgb, width, height } = montage.canvas;
  return {
    uids: {
      seg: objectUids(runId, 'seg'),
      sr: objectUids(runId, 'sr'),
      secondaryCapture: objectUids(runId, 'capture'),
    },
    files: {
      [OBJECT_FILES.seg]: seg,
      ...Object.fromEntries(captures.map((capture, index) => [OBJECT_FILES.capture(index + 1), capture])),
      [OBJECT_FILES.preview]: encodePng(rgb, width, height),
      [OBJECT_FILES.sr]: buildSr(input),
    },
  };
}

/**
 * The files of a result's folder that belong into the archive. The SR, which makes the result current, is stored when
 * all others are.
 */
export function objectsToStore(fileNames: readonly string[]): { others: readonly string[]; sr: readonly string[] } {
  const objects = fileNames.filter((name) => name.endsWith('.dcm')).sort();
  return {
    others: objects.filter((name) => name !== OBJECT_FILES.sr),
    sr: objects.filter((name) => name === OBJECT_FILES.sr),
  };
}
