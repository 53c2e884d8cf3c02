import type { Dataset } from './dataset.ts';

/** One DICOM instance, read from a Part 10 file; the pixels are decoded only when asked for. */
export interface Instance {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
  readonly dataset: Dataset;
  /** Number of Frames; 1 for a single-frame image, 0 without pixel data. */
  readonly frames: number;
  /**
   * Stored values of one frame (0-based), [rows, columns] with columns fastest, sign-extended or masked to Bits Stored;
   * rescale and padding are not applied.
   * @throws DicomError when the transfer syntax is not read, or the frame is cut off, short or corrupt
   */
  storedValues(frame: number): Promise<Int16Array | Uint16Array>;
}
