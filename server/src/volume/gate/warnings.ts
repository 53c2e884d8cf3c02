import type { Dataset, Tag } from '../../dicom/dataset.ts';
import { lookUp } from '../frame.ts';
import type { Warning } from '../series.ts';
import type { Slice } from '../slice.ts';
import type { Kind } from './kind.ts';
import type { Lossy } from './lossy.ts';

/** What was left out of the volume, by count. */
export interface Dropped extends Readonly<Record<Exclude<Kind, 'slice'>, number>> {
  readonly duplicates: number;
}

export function droppedWarnings(dropped: Dropped): Warning[] {
  const captures = dropped.capture + dropped['colour-capture'];
  return [
    ...when(dropped.localizer > 0, 'localizer-dropped', `${count(dropped.localizer, 'localizer')} left out.`),
    ...when(captures > 0, 'capture-dropped', `${count(captures, 'screen capture')} left out.`),
    ...when(
      dropped.duplicates > 0,
      'duplicate-slices',
      `${count(dropped.duplicates, 'slice')} left out, each identical to another at the same position.`,
    ),
  ];
}

/** Slices farther apart or thicker than this blur small lesions. */
const THICK_MM = 5;

export function sliceWarnings(slices: readonly Slice[], gapMm: number): Warning[] {
  const thickness = Math.max(gapMm, ...slices.map((slice) => slice.thicknessMm ?? 0));
  const tilt = slices.reduce((most, { gantryTiltDegrees }) => Math.max(most, Math.abs(gantryTiltDegrees ?? 0)), 0);
  return [
    ...when(
      thickness > THICK_MM + 0.01,
      'thick-slices',
      `The slices are ${thickness.toFixed(1)} mm thick: lesions smaller than that are easily missed.`,
    ),
    ...when(
      tilt > 1,
      'gantry-tilt-stated',
      `The header states a gantry tilt of ${tilt.toFixed(1)} degrees, though the slices stand straight on one another.`,
    ),
  ];
}

/** What was found on single slices, where the header of the first does not tell. */
export interface Oddities {
  readonly paddingIgnored: boolean;
  readonly overlongDecimals: boolean;
}

export function pixelWarnings(lossy: Lossy | null, { paddingIgnored, overlongDecimals }: Oddities): Warning[] {
  const ratios = lossy === null || lossy.ratios.length === 0 ? '' : ` (ratio ${lossy.ratios.join(', ')})`;
  return [
    ...when(
      lossy !== null,
      'lossy-compression',
      `The source was lossy compressed${ratios}: small lesions may be altered.`,
    ),
    ...when(
      paddingIgnored,
      'padding-ignored',
      'The stated padding value lies among tissue and was read as a measurement.',
    ),
    ...when(
      overlongDecimals,
      'overlong-decimal-string',
      'Numbers of more than 16 characters in the source were read in full.',
    ),
  ];
}

/** The UID is named, so that a reader can tell it from one of the scanner's. */
export function mintedFrameOfReference(uid: string): Warning {
  return {
    code: 'no-frame-of-reference',
    message: `The source has no Frame of Reference UID; the results carry ${uid}, derived from the series.`,
  };
}

/** What anonymisers and old archives leave out, and what a reader of the result should know. */
export function headerWarnings(header: Dataset): Warning[] {
  const from = lookUp(header, 0);
  const missing = (tag: Tag) => (header.text(tag) ?? '').trim() === '';
  const contrast = [header.text('00180010') ?? '', ...header.items('00180012').map(() => 'stated')].join('');
  return [
    ...when(
      contrast.trim() === '',
      'no-contrast-information',
      'The header does not say whether contrast agent was given.',
    ),
    ...when(missing('00100020'), 'no-patient-id', 'The source has no Patient ID.'),
    ...when(missing('00200010'), 'no-study-id', 'The source has no Study ID.'),
    ...when(header.number('00200011') === null, 'no-series-number', 'The source has no Series Number.'),
    ...when(
      from('00189325', '00180060').number('00180060') === null,
      'no-kvp',
      'The source has no KVP (tube voltage).',
    ),
    ...when(
      header.text('00280301') === 'YES',
      'burned-in-annotation',
      'The source says that text is burned into its pixels.',
    ),
  ];
}

function when(condition: boolean, code: string, message: string): Warning[] {
  return condition ? [{ code, message }] : [];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? ' was' : 's were'}`;
}
