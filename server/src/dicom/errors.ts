/** A file that is no DICOM file, or that cannot be read as one. */
export class DicomError extends Error {
  override readonly name: string = 'DicomError';
}

export class NotDicom extends DicomError {
  override readonly name = 'NotDicom';
}

/** The file is cut off or contradicts itself; the message says where, and what was found instead of what. */
export class CorruptInstance extends DicomError {
  override readonly name = 'CorruptInstance';
  /** The figures of the message: bytes, frames, rows, columns, … */
  readonly figures: Readonly<Record<string, number>>;

  constructor(message: string, figures: Record<string, number> = {}) {
    super(message);
    this.figures = figures;
  }
}

export class UnsupportedTransferSyntax extends DicomError {
  override readonly name = 'UnsupportedTransferSyntax';
  readonly uid: string;

  constructor(uid: string, title: string) {
    super(`transfer syntax ${uid} (${title}) is not read`);
    this.uid = uid;
  }
}

/** The file is sound, but its pixels are no grey values of 8 or 16 bits. */
export class UnsupportedPixels extends DicomError {
  override readonly name = 'UnsupportedPixels';
}
