import type { Findings } from '../findings/measure.ts';
import type { Comparison } from '../findings/priors.ts';
import type { FindingsDocument } from '../findings/schema.ts';
import type { HeatMap, Segmentation } from '../inference/segmentation.ts';
import { buildCapture } from './capture.ts';
import { renderHeatMap } from './heat-map.ts';
import { buildMaskObject } from './mask-object.ts';
import { DEFAULT_OPTIONS, type OptionalObject, type ResultOptions } from './options.ts';
import { encodePng } from './preview/png.ts';
import { drawMontage, drawPages, type PreviewInput, planPictures, renderPreview } from './preview.ts';
import { buildRtStruct } from './rtstruct.ts';
import { LABEL_MAP_SEGMENTATION_STORAGE, SEGMENTATION_STORAGE } from './seg/encode.ts';
import { encodeProbability } from './seg/probability.ts';
import { probabilitySegment } from './seg/segments.ts';
import { buildSeg, frameCount, type SegInput, type SegPart, writeSeg } from './seg.ts';
import type { SrInput } from './sr/input.ts';
import { buildSr } from './sr.ts';
import { type ObjectKind, objectUids } from './uids.ts';

/** What all objects of a result are made from. */
export interface ResultInput extends Omit<SegInput, 'lesions'> {
  readonly findings: Findings;
  /** For the report: this scan read against an earlier one. */
  readonly comparison?: Comparison | null;
  /** The model's, for a probability map; null where a person made the result. */
  readonly probability?: Segmentation['lesionProbability'] | null;
  /** Drawn where there is one. */
  readonly heatMap?: HeatMap | null;
  /** DEFAULT_OPTIONS by default. */
  readonly options?: ResultOptions;
}

/** A file of a result: its name relative to the result's folder, and its content. */
export type ResultFile = readonly [name: string, content: Uint8Array];

/** Names of the files of a result, relative to its folder. */
export const OBJECT_FILES = {
  seg: 'segmentation.dcm',
  liver: 'liver.dcm',
  probability: 'probability.dcm',
  mask: 'mask.dcm',
  rtstruct: 'rtstruct.dcm',
  capture: (number: number) => `secondary-capture/${String(number).padStart(4, '0')}.dcm`,
  preview: 'preview.png',
  heatMap: 'heatmap.png',
  sr: 'report.dcm',
} as const;

/** Beyond it one viewer shows nothing of a segmentation. */
const MOST_FRAMES = 400;

/**
 * Makes all objects of a result, of a run as of a corrected one, one after the other, so that each can be written and let
 * go before the next is made. What ends in .dcm belongs into the archive. The same input gives the same bytes.
 * @throws InvalidSegmentation when the labels and the findings contradict each other
 */
export function* makeObjects(
  result: ResultInput,
  report: (fraction: number) => void = () => {},
): Generator<ResultFile, void, undefined> {
  const { findings, probability, options = DEFAULT_OPTIONS } = result;
  const input: SegInput = { ...result, lesions: findings.lesions, liver: findings.liver };
  const has = (object: OptionalObject) => options.objects.includes(object);

  const { parts, segmentations } = planSegmentations(input, options);
  for (const part of parts) {
    const form = { part, encoding: options.seg, deflated: options.deflated };
    yield [part === 'liver' ? OBJECT_FILES.liver : OBJECT_FILES.seg, buildSeg(input, form)];
  }
  report(0.3);
  yield* makePictures(result, input, has('secondary-capture'));
  report(0.8);
  const encoded = has('probability') && probability ? encodeProbability(probability, result.series.volume.grid) : null;
  // A segmentation has at least one frame.
  if (encoded && encoded.frames.length > 0) {
    const description = {
      kind: 'probability',
      seriesDescription: 'Lesion probability by Hepar (research use only)',
      contentLabel: 'PROBABILITY',
      contentDescription: 'Probability of lesion',
      segments: [probabilitySegment(input)],
      deflated: options.deflated,
    } as const;
    yield [OBJECT_FILES.probability, writeSeg(input, encoded, description)];
  }
  if (has('mask')) yield [OBJECT_FILES.mask, buildMaskObject(input)];
  if (has('rtstruct')) yield [OBJECT_FILES.rtstruct, buildRtStruct(input)];
  yield [OBJECT_FILES.sr, buildSr({ ...result, segmentations })];
  report(1);
}

/** The montage, with the heat map where there is one, and the captures. */
function* makePictures(
  result: ResultInput,
  input: SegInput,
  withCaptures: boolean,
): Generator<ResultFile, void, undefined> {
  const plan = planPictures(input);
  const montage = drawMontage(input, undefined, plan);
  const { rgb, width, height } = montage.canvas;
  yield [OBJECT_FILES.preview, encodePng(rgb, width, height)];
  if (result.heatMap) yield [OBJECT_FILES.heatMap, renderHeatMap(input, result.heatMap, plan)];
  if (!withCaptures) return;
  let number = 1;
  yield [OBJECT_FILES.capture(number), buildCapture(result, montage, number)];
  for (const page of drawPages(input, plan)) yield [OBJECT_FILES.capture(++number), buildCapture(result, page, number)];
}

/** The montage alone, as the one file of a result. */
export function* onePreview(input: PreviewInput): Generator<ResultFile, void, undefined> {
  yield [OBJECT_FILES.preview, renderPreview(input)];
}

/** UIDs of the objects that a reader of the findings may ask the archive for. */
export function resultUids(
  runId: string,
  { objects }: Pick<ResultOptions, 'objects'> = DEFAULT_OPTIONS,
): FindingsDocument['objects'] {
  return {
    seg: objectUids(runId, 'seg'),
    sr: objectUids(runId, 'sr'),
    secondaryCapture: objects.includes('secondary-capture') ? objectUids(runId, 'capture') : null,
  };
}

/** Which segmentations there are, and which of them holds the voxels of what. */
function planSegmentations(
  input: SegInput,
  { seg, liver }: ResultOptions,
): { readonly parts: readonly SegPart[]; readonly segmentations: SrInput['segmentations'] } {
  const object = (kind: ObjectKind) => {
    const { seriesInstanceUID, sopInstanceUID } = objectUids(input.runId, kind);
    const sopClassUid = seg === 'binary' ? SEGMENTATION_STORAGE : LABEL_MAP_SEGMENTATION_STORAGE;
    return { seriesInstanceUid: seriesInstanceUID, sopInstanceUid: sopInstanceUID, sopClassUid };
  };
  const main = object('seg');
  const together =
    liver === 'together' || (liver === 'auto' && (seg === 'labelmap' || frameCount(input) <= MOST_FRAMES));
  // Without a lesion the liver is all that there is, and a segmentation has at least one frame.
  if (together || input.lesions.length === 0) return { parts: ['all'], segmentations: { lesions: main, liver: main } };
  const hasParenchyma = input.segments.labels.includes(1);
  if (liver === 'left-out' || !hasParenchyma)
    return { parts: ['lesions'], segmentations: { lesions: main, liver: null } };
  return { parts: ['lesions', 'liver'], segmentations: { lesions: main, liver: object('liver-seg') } };
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
