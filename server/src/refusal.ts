/** Why a series cannot be segmented; stable, for machines. */
export type RefusalCode =
  | 'not-dicom'
  | 'unreadable-zip'
  | 'corrupt-instance'
  | 'missing-uid'
  | 'not-ct'
  | 'no-image'
  | 'no-pixel-data'
  | 'colour'
  | 'unsupported-transfer-syntax'
  | 'unsupported-pixels'
  | 'localizer-only'
  | 'derived-image'
  | 'not-hounsfield'
  | 'too-few-slices'
  | 'gantry-tilt'
  | 'uneven-slices'
  | 'mixed-orientation'
  | 'mixed-size'
  | 'mixed-spacing'
  | 'mixed-frame-of-reference'
  | 'no-position'
  | 'not-axial'
  | 'several-phases'
  | 'several-series'
  | 'no-such-series'
  | 'no-liver-in-view'
  | 'other-slices'
  | 'nothing-changed';

/**
 * The input is unsuitable, and no retry will change that. The message is one line that a technologist understands;
 * the figures are the measurements behind it. Never holds a name, an identifier of a patient, or a date.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  readonly figures: Readonly<Record<string, number | string>>;

  constructor(code: RefusalCode, message: string, figures: Record<string, number | string> = {}) {
    super(message);
    this.code = code;
    this.figures = figures;
  }
}
