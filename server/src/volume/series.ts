import type { Dataset } from '../dicom/dataset.ts';
import type { SourceSlice, Volume } from './volume.ts';

/** Something that a reader of the result should know, though the series was accepted. */
export interface Warning {
  /** Stable, for machines: 'lossy-compression', 'duplicate-slices', 'localizer-dropped', 'thick-slices', … */
  readonly code: string;
  /** One line, no patient's name, identifier or date. */
  readonly message: string;
}

/** A CT series that passed the gate: one volume on the scanner's own grid, and where each slice came from. */
export interface CtSeries {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  /** The series' own, or one derived from its UID when an anonymiser removed it (a warning says so). */
  readonly frameOfReferenceUid: string;
  /**
   * Grid: i runs along a row of the source images (column index), j down a column (row index),
   * k along the slice normal, axes[2] = axes[0] x axes[1]. HU, rounded; padding reads as -1024 or lower.
   */
  readonly volume: Volume;
  /** slices[k] is the source of the volume's k-th slice. */
  readonly slices: readonly SourceSlice[];
  /** Dataset of the slice at k = 0, whose patient and study attributes the results copy. */
  readonly header: Dataset;
  /** Present when the source was ever lossy compressed: Lossy Image Compression Ratio and Method, as far as they are stated. */
  readonly lossy: { readonly ratios: readonly string[]; readonly methods: readonly string[] } | null;
  readonly warnings: readonly Warning[];
}
