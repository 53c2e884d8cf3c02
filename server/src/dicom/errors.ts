/** A file that is no DICOM file, or that cannot be read as one. */
export class DicomError extends Error {
  override readonly name: string = 'DicomError';
}

export class NotDicom extends DicomError {
  override readonly name = 'NotDicom';
}

/** The file is cut off or contradicts itself; the message says where, in bytes where that is known. */
export class CorruptInstance extends DicomError {
  override readonly name = 'CorruptInstance';
}

export class UnsupportedTransferSyntax extends DicomError {
  override readonly name = 'UnsupportedTransferSyntax';
  readonly uid: string;

  constructor(uid: string, title: string) {
    super(`transfer syntax ${uid} (${title}) is not read`);
    this.uid = uid;
  }
}
