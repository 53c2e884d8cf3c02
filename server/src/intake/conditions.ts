import type { Vec3 } from '../volume/volume.ts';
import type { Senders } from './orthanc.ts';
import type { Pattern } from './patterns.ts';
import { phaseNamed } from './phase.ts';
import type { Conditions, Range, Rule } from './rules.ts';
import { normalOf, slicesOf } from './score.ts';
import type { Described } from './study.ts';

/** What the conditions of a rule are held against. */
export interface Facts {
  readonly series: Described;
  /** 0 to 100; how well the series suits. */
  readonly score: number;
  /** Null where the archive does not tell who sent a series. */
  readonly senders: Senders | null;
  readonly now: Date;
}

type Check = (facts: Facts, conditions: Conditions) => string | null;

const DAY_MS = 86_400_000;

/** In the order in which a person would look. Each says in words what is not as it should be, or null. */
const CHECKS: readonly Check[] = [
  ({ series }, { modality }) => among('modality', series.modality, modality),
  ({ series }, { bodyPart }) => among('body part', series.image?.bodyPart ?? null, bodyPart),
  ({ series }, { description }) => matching('description', series.description, description),
  ({ series }, { notDescription }) => {
    const found = notDescription?.find((pattern) => pattern.test(series.description ?? ''));
    return found ? `its description matches '${found.source}', which is not wanted` : null;
  },
  ({ series }, { protocol }) => matching('protocol', series.image?.protocol ?? null, protocol),
  ({ series }, { institution }) => matching('institution', series.image?.institution ?? null, institution),
  ({ senders }, { remoteAet }) => among('calling AE title', senders?.remoteAet ?? null, remoteAet),
  ({ senders }, { calledAet }) => among('called AE title', senders?.calledAet ?? null, calledAet),
  ({ series }, { sliceThicknessMm }) =>
    within('slice thickness', series.image?.sliceThicknessMm ?? null, ' mm', sliceThicknessMm),
  ({ series }, { slices }) => within('number of slices', slicesOf(series), '', slices),
  ({ series }, { orientation }) => among('orientation', orientationOf(series.image?.orientation ?? []), orientation),
  ({ series }, { phase }) => among('contrast phase', phaseOf(series), phase),
  ({ series, now }, { ageDays }) => within('age of the study', ageInDays(series, now), ' days', ageDays),
  ({ score }, { score: wanted }) => within('score', score, '', wanted),
];

/** Why a rule does not take a series; null when it does. */
export function unmet(rule: Rule, facts: Facts): string | null {
  for (const check of CHECKS) {
    const problem = check(facts, rule.when);
    if (problem !== null) return problem;
  }
  return null;
}

/** Minutes until the hours of a rule begin; 0 while they last, or when it has none. */
export function minutesUntilOpen({ hours }: Rule, now: Date): number {
  if (!hours) return 0;
  const { from, to } = hours;
  const minute = now.getHours() * 60 + now.getMinutes();
  const isOpen = from < to ? minute >= from && minute < to : minute >= from || minute < to;
  return isOpen ? 0 : (from - minute + 24 * 60) % (24 * 60);
}

function among(what: string, value: string | null, wanted: readonly string[] | undefined): string | null {
  if (!wanted) return null;
  const given = value?.trim();
  if (!given) return `${what} not stated, wanted ${wanted.join(' or ')}`;
  const isOne = wanted.some((each) => each.toUpperCase() === given.toUpperCase());
  return isOne ? null : `${what} ${given}, wanted ${wanted.join(' or ')}`;
}

function matching(what: string, value: string | null, patterns: readonly Pattern[] | undefined): string | null {
  if (!patterns || patterns.some((pattern) => pattern.test(value ?? ''))) return null;
  return `its ${what} does not match ${patterns.map(({ source }) => `'${source}'`).join(' or ')}`;
}

function within(what: string, value: number | null, unit: string, range: Range | undefined): string | null {
  if (!range) return null;
  const { atLeast, atMost } = range;
  if (value === null) return `${what} not stated`;
  const given = `${what} ${Number(value.toFixed(2))}${unit}`;
  if (atLeast !== undefined && value < atLeast) return `${given}, wanted at least ${atLeast}`;
  return atMost !== undefined && value > atMost ? `${given}, wanted at most ${atMost}` : null;
}

function phaseOf({ description, image }: Described): string {
  return phaseNamed(description) ?? phaseNamed(image?.protocol ?? null) ?? 'unknown';
}

/** Within 30 degrees of an axis of the body; null when the header does not say. */
function orientationOf(cosines: readonly number[]): string | null {
  const normal = normalOf(cosines);
  if (!normal) return null;
  const names = ['sagittal', 'coronal', 'axial'];
  const steepest = normal.reduce((best, each, axis) => (Math.abs(each) > Math.abs(normal[best]!) ? axis : best), 0);
  const unit = Math.abs(normal[steepest]!) / Math.hypot(...(normal as Vec3));
  return unit >= Math.cos(Math.PI / 6) ? names[steepest]! : 'oblique';
}

/** A study without a date, or of tomorrow, counts as new. */
function ageInDays({ image }: Described, now: Date): number {
  const [, year, month, day] = /^(\d{4})\.?(\d{2})\.?(\d{2})$/.exec(image?.studyDate ?? '') ?? [];
  if (year === undefined) return 0;
  const midnight = new Date(Number(year), Number(month) - 1, Number(day)).getTime();
  return Math.max(0, Math.floor((now.getTime() - midnight) / DAY_MS));
}
