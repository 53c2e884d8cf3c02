import type { ImageSummary } from '../dicomweb/describe.ts';
import { Refusal } from '../refusal.ts';
import { checkAxial } from '../volume/gate/agreement.ts';
import { kindOfFrame } from '../volume/gate/kind.ts';
import { LEAST_SLICES } from '../volume/gate/spacing.ts';
import { cross, length } from '../volume/geometry.ts';
import type { Vec3 } from '../volume/volume.ts';
import { phaseNamed } from './phase.ts';

/** A series as its archive describes it, without its pixels. */
export interface SeriesDescription {
  readonly seriesInstanceUid: string;
  readonly modality: string | null;
  readonly description: string | null;
  readonly seriesNumber: number | null;
  readonly instances: number;
  /** One of its images; null when it was not asked for, or the archive does not give it. */
  readonly image: ImageSummary | null;
}

/** How well a series suits, from 0 to 100, with the reason in words; unsuitable ones have no score. */
export type Judgement =
  | { readonly suitable: true; readonly score: number; readonly reason: string }
  | { readonly suitable: false; readonly code: string; readonly reason: string };

/** One thing that speaks for a series, or against it. */
interface Ground {
  readonly points: number;
  readonly says: string;
}

const OTHER_BODY_PART = /HEAD|BRAIN|SKULL|NECK|SPINE|EXTREM|KNEE|FOOT|ANKLE|HAND|WRIST|ELBOW|SHOULDER|HIP|LEG|ARM\b/;
const CHEST = /chest|thorax|lung|pulmo/i;
const ABDOMEN = /abdom|abd\b|liver|leber|foie|higado|pelvi|becken|\bcap\b|\btap\b|thorax.?abd/i;
/** Reconstructions for lung and bone: by name, and Siemens' kernels from 60 on. */
const SHARP = /lung|bone|edge|sharp|pulmo|knochen|\b[bh][a-z]?[6-9]\d/i;
/** A series that gets fewer points is not offered unasked: a CT of the head is no CT of the liver. */
const LEAST_OFFERED = 30;

/**
 * How well a series suits the segmentation of liver lesions: portal venous, thin, over the whole liver, for soft tissue.
 * It is judged by its header alone; the pipeline looks at every slice and has the last word.
 */
export function judgeSeries(series: SeriesDescription): Judgement {
  try {
    refuseUnsuitable(series);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { suitable: false, code: error.code, reason: error.message };
  }
  const grounds = [phaseGround(series), thicknessGround(series), extentGround(series), ...drawbacks(series)];
  const points = grounds.reduce((sum, ground) => sum + ground.points, 0);
  return {
    suitable: true,
    score: Math.max(0, Math.min(100, points)),
    reason: grounds.map(({ says }) => says).join(', '),
  };
}

/** The series that is offered: the one with the most points, of equals the thinnest; null when none suits. */
export function recommend(
  all: readonly SeriesDescription[],
  leastPoints: number = LEAST_OFFERED,
): SeriesDescription | null {
  const offered = all.flatMap((series) => {
    const judgement = judgeSeries(series);
    return judgement.suitable && judgement.score >= leastPoints ? [{ series, score: judgement.score }] : [];
  });
  const thickness = ({ image }: SeriesDescription) => image?.sliceThicknessMm ?? Number.MAX_VALUE;
  const number = ({ seriesNumber }: SeriesDescription) => seriesNumber ?? Number.MAX_VALUE;
  offered.sort(
    (a, b) =>
      b.score - a.score ||
      thickness(a.series) - thickness(b.series) ||
      number(a.series) - number(b.series) ||
      (a.series.seriesInstanceUid < b.series.seriesInstanceUid ? -1 : 1),
  );
  return offered[0]?.series ?? null;
}

/** @throws Refusal as the pipeline would, as far as one header tells */
function refuseUnsuitable(series: SeriesDescription): void {
  const { modality, image } = series;
  if (modality !== 'CT') {
    throw new Refusal('not-ct', `the series is ${modality ?? 'of no stated modality'}, not CT`);
  }
  if (image) {
    const kind = kindOfFrame({ ...image, volumeTechnique: null });
    if (kind === 'localizer') throw new Refusal('localizer-only', 'the series is a localizer');
    if (kind === 'capture') throw new Refusal('no-image', 'the series holds captures, no CT slices');
    const normal = normalOf(image.orientation);
    if (normal) checkAxial({ normal });
  }
  const slices = slicesOf(series);
  if (slices < LEAST_SLICES) {
    const have = slices === 1 ? 'only 1 slice' : `only ${slices} slices`;
    throw new Refusal('too-few-slices', `${have}, at least ${LEAST_SLICES} are needed`, {
      slices,
      needed: LEAST_SLICES,
    });
  }
}

function phaseGround({ description, image }: SeriesDescription): Ground {
  const phase = phaseNamed(description) ?? phaseNamed(image?.protocol ?? null);
  if (phase === 'portal venous') return { points: 50, says: 'portal venous phase' };
  if (phase === 'delayed') return { points: 30, says: 'delayed phase' };
  if (phase === 'arterial') return { points: 25, says: 'arterial phase' };
  if (phase === 'unenhanced') return { points: 10, says: 'without contrast' };
  return image?.contrastAgent
    ? { points: 30, says: 'contrast of an unnamed phase' }
    : { points: 20, says: 'phase not stated' };
}

function thicknessGround({ image }: SeriesDescription): Ground {
  const thickness = image?.sliceThicknessMm ?? null;
  if (thickness === null) return { points: 10, says: 'slice thickness not stated' };
  const says = `${Number(thickness.toFixed(2))} mm slices`;
  if (thickness <= 3) return { points: 25, says };
  return thickness <= 5 ? { points: 15, says } : { points: 0, says: `thick: ${says}` };
}

function extentGround(series: SeriesDescription): Ground {
  const slices = slicesOf(series);
  const spacing = series.image?.sliceSpacingMm ?? series.image?.sliceThicknessMm ?? null;
  if (spacing === null) return { points: 15, says: `${slices} slices` };
  const extent = Math.round(slices * Math.abs(spacing));
  if (extent >= 150) return { points: 25, says: `${slices} slices over ${extent} mm` };
  return { points: extent >= 80 ? 10 : 0, says: `only ${extent} mm long` };
}

function drawbacks({ description, image }: SeriesDescription): Ground[] {
  const names = `${description ?? ''} ${image?.protocol ?? ''}`;
  const sharp = [image?.kernel, description].find((text) => text && SHARP.test(text));
  const bodyPart = image?.bodyPart?.toUpperCase() ?? '';
  const isElsewhere = OTHER_BODY_PART.test(bodyPart);
  const isChest = !isElsewhere && CHEST.test(`${bodyPart} ${names}`) && !ABDOMEN.test(`${bodyPart} ${names}`);
  return [
    ...(isElsewhere ? [{ points: -80, says: `of another part of the body (${bodyPart.toLowerCase()})` }] : []),
    ...(isChest ? [{ points: -20, says: 'of the chest' }] : []),
    ...(sharp ? [{ points: -20, says: 'sharp reconstruction' }] : []),
    ...(image?.imageType[0] === 'DERIVED' ? [{ points: -5, says: 'derived from other slices' }] : []),
  ];
}

/** An enhanced image holds many slices. */
export function slicesOf({ instances, image }: SeriesDescription): number {
  return instances * Math.max(1, image?.frames ?? 1);
}

export function normalOf(orientation: readonly number[]): Vec3 | null {
  if (orientation.length !== 6) return null;
  const [rx, ry, rz, cx, cy, cz] = orientation as [number, number, number, number, number, number];
  const normal = cross([rx, ry, rz], [cx, cy, cz]);
  return length(normal) > 0.5 ? normal : null;
}
