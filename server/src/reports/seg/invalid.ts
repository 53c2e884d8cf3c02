/** What was to be written is no segmentation that the standard allows; the message says in one line which rule it breaks. */
export class InvalidSegmentation extends Error {
  override readonly name = 'InvalidSegmentation';

  constructor(rule: string) {
    super(`cannot write DICOM SEG: ${rule}`);
  }
}
