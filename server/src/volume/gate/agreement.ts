import type { Dataset } from '../../dicom/dataset.ts';
import { Refusal } from '../../refusal.ts';
import { degreesBetweenLines, dot } from '../geometry.ts';
import { imageName, type Slice } from '../slice.ts';
import type { Vec3 } from '../volume.ts';

/** Which series an instance belongs to. */
export interface Membership {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  /** Empty when the instance has none, or what is no UID. */
  readonly frameOfReferenceUid: string;
}

/** Wider than the standard (PS3.5 section 9.1), as anonymisers are: what can be written, and stand in an address. */
const USABLE_UID = /^[\w.-]{1,64}$/;

/** @throws Refusal 'missing-uid' where a result could not be filed beside its source */
export function readMembership(dataset: Dataset, sopInstanceUid: string): Membership {
  const required = (uid: string | null, name: string): string => {
    if (uid !== null && USABLE_UID.test(uid)) return uid;
    const what = uid === null || uid === '' ? `no ${name}` : `a ${name} that is no UID`;
    throw new Refusal('missing-uid', `An image has ${what}, so a result could not be filed beside it.`, {
      attribute: name,
    });
  };
  const frameOfReferenceUid = dataset.text('00200052') ?? '';
  required(sopInstanceUid, 'SOP Instance UID');
  return {
    studyInstanceUid: required(dataset.text('0020000d'), 'Study Instance UID'),
    seriesInstanceUid: required(dataset.text('0020000e'), 'Series Instance UID'),
    frameOfReferenceUid: USABLE_UID.test(frameOfReferenceUid) ? frameOfReferenceUid : '',
  };
}

/** @throws Refusal 'several-series' */
export function checkSameSeries(first: Membership, next: Membership): void {
  if (first.seriesInstanceUid !== next.seriesInstanceUid) {
    throw new Refusal('several-series', 'The images belong to more than one series.');
  }
  if (first.studyInstanceUid !== next.studyInstanceUid) {
    throw new Refusal('several-series', 'The images carry one Series Instance UID but belong to more than one study.');
  }
}

/** @throws Refusal 'mixed-frame-of-reference' */
export function checkSameFrameOfReference(first: Membership, next: Membership): void {
  if (first.frameOfReferenceUid !== next.frameOfReferenceUid) {
    throw new Refusal(
      'mixed-frame-of-reference',
      'The slices have different frames of reference, so their positions cannot be compared.',
    );
  }
}

/** Pixel Spacing (mm) and direction cosines that differ by no more than this are the same number, rounded. */
const ROUNDING = 2e-4;

/** @throws Refusal 'mixed-size', 'mixed-spacing', 'mixed-orientation' */
export function checkSameGrid(first: Slice, next: Slice): void {
  const names = `${nameOf(first)} and ${nameOf(next)}`;
  if (first.columns !== next.columns || first.rows !== next.rows) {
    throw new Refusal(
      'mixed-size',
      `The slices differ in size: ${first.columns} x ${first.rows} and ${next.columns} x ${next.rows} pixels (${names}).`,
      { columns: first.columns, rows: first.rows, otherColumns: next.columns, otherRows: next.rows },
    );
  }
  if (
    Math.abs(first.columnSpacingMm - next.columnSpacingMm) > ROUNDING ||
    Math.abs(first.rowSpacingMm - next.rowSpacingMm) > ROUNDING
  ) {
    const pixel = (slice: Slice) => `${mm(slice.columnSpacingMm)} x ${mm(slice.rowSpacingMm)}`;
    throw new Refusal(
      'mixed-spacing',
      `The slices differ in pixel size: ${pixel(first)} and ${pixel(next)} mm (${names}).`,
      {
        columnSpacingMm: first.columnSpacingMm,
        rowSpacingMm: first.rowSpacingMm,
        otherColumnSpacingMm: next.columnSpacingMm,
        otherRowSpacingMm: next.rowSpacingMm,
      },
    );
  }
  if (differ(first.rowAxis, next.rowAxis) || differ(first.columnAxis, next.columnAxis)) {
    const degrees = Math.max(angle(first.rowAxis, next.rowAxis), angle(first.columnAxis, next.columnAxis));
    throw new Refusal(
      'mixed-orientation',
      `The slices differ in orientation by ${degrees.toFixed(degrees < 1 ? 2 : 0)} degrees (${names}).`,
      { degrees },
    );
  }
}

/** @throws Refusal 'not-axial' when the slice normal is more than 30 degrees from the patient's long axis */
export function checkAxial({ normal }: Pick<Slice, 'normal'>): void {
  const degrees = degreesBetweenLines(normal, [0, 0, 1]);
  if (degrees <= 30) return;
  const [x, y] = [Math.abs(normal[0]), Math.abs(normal[1])];
  const plane = degrees < 60 ? 'oblique' : x > y ? 'sagittal' : 'coronal';
  throw new Refusal(
    'not-axial',
    `The slices are ${plane}, not axial: they are turned by ${degrees.toFixed(0)} degrees out of the axial plane, and at most 30 degrees can be read.`,
    { degrees },
  );
}

function nameOf(slice: Slice): string {
  return imageName(slice.instanceNumber, slice.frameNumber);
}

function mm(value: number): string {
  return String(Number(value.toFixed(4)));
}

function differ(a: Vec3, b: Vec3): boolean {
  return a.some((value, axis) => Math.abs(value - b[axis]!) > ROUNDING);
}

/** 0 to 180 degrees. */
function angle(a: Vec3, b: Vec3): number {
  return (Math.acos(Math.min(1, Math.max(-1, dot(a, b)))) * 180) / Math.PI;
}
