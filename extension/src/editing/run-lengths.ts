/** One layer of a slice: a label a pixel, and which segment a label stands for. */
export interface SliceLayer {
  /** [rows, columns]; 0 is nothing. */
  readonly labels: ArrayLike<number>;
  /** 0 for a label that stands for no segment. */
  segmentOf(label: number): number;
}

/**
 * A slice as runs of pixels: segment, first pixel, number of pixels, and again. A pixel is numbered column + columns * row.
 * Layers follow one another, so that where two overlap the later one's run comes later.
 */
export function runLengths(layers: readonly SliceLayer[]): number[] {
  const runs: number[] = [];
  for (const { labels, segmentOf } of layers) {
    const { length } = labels;
    for (let first = 0; first < length; ) {
      const label = labels[first]!;
      let end = first + 1;
      while (end < length && labels[end] === label) end += 1;
      const segment = label === 0 ? 0 : segmentOf(label);
      if (segment !== 0) runs.push(segment, first, end - first);
      first = end;
    }
  }
  return runs;
}
