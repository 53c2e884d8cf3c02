import type { Grid, Vec3 } from '../../volume/volume.ts';
import type { Stage } from '../manifest.ts';
import { BACKGROUND, LESION, LIVER, type Segmentation } from '../segmentation.ts';
import type { NetworkAxes } from './axes.ts';
import type { NetworkInput } from './input.ts';
import { type Line, linesBetween, resampleRows, tapsOf } from './resize.ts';

const LABELS = { background: BACKGROUND, liver: LIVER, lesion: LESION, other: BACKGROUND };

/**
 * Takes the network's slices in the order of z, brings each to the scanner's grid and decides there what every voxel is.
 * Holds two slices at a time. A scanner's slice is decided as soon as the network's on both sides of it have come.
 */
export class Decision {
  readonly #stage: Stage;
  readonly #axes: NetworkAxes;
  readonly #input: NetworkInput;
  readonly #lines: readonly [Line, Line, Line];
  /** For each of the scanner's slices the network's that it reads, and their shares. */
  readonly #reads: readonly { readonly first: number; readonly weights: readonly number[] }[];
  readonly #grid: Grid;
  readonly #labels: Uint8Array;
  readonly #lesion: Uint8Array;
  /** [channels, y, x] on the scanner's grid, of the network's last slices by their z. */
  readonly #planes = new Map<number, Float32Array>();
  #decided = 0;

  constructor(stage: Stage, grid: Grid, axes: NetworkAxes, input: NetworkInput) {
    const { conventions, resampling } = stage.wholeScan!;
    this.#stage = stage;
    this.#axes = axes;
    this.#input = input;
    const { shape, spacingMm } = axes;
    this.#lines = linesBetween(conventions, resampling.output, [input.inner, stage.spacingMm], [shape, spacingMm]);
    const { kernel, positions, from } = this.#lines[2];
    this.#reads = Array.from(positions, (position) => tapsOf(kernel, position, from));
    this.#grid = grid;
    const voxels = grid.shape[0] * grid.shape[1] * grid.shape[2];
    this.#labels = new Uint8Array(voxels);
    this.#lesion = new Uint8Array(voxels);
  }

  /** Slice z of the input's grid, [channels, y, x]. */
  add(z: number, slice: Float32Array): void {
    const { before, inner } = this.#input;
    const at = z - before[2];
    if (at < 0 || at >= inner[2]) return;
    const isRead = this.#reads.some(({ first, weights }) => at >= first && at < first + weights.length);
    if (isRead) this.#planes.set(at, this.#onScannerGrid(slice));
    while (this.#decided < this.#reads.length) {
      const { first, weights } = this.#reads[this.#decided]!;
      if (first + weights.length - 1 > at) break;
      this.#decide(this.#decided++, this.#planes.get(first)!, this.#planes.get(first + 1) ?? null, weights[1] ?? 0);
    }
    const oldest = this.#reads[this.#decided]?.first ?? inner[2];
    for (const kept of this.#planes.keys()) if (kept < oldest) this.#planes.delete(kept);
  }

  /** What was decided. All of the scanner's grid counts as the box of the probabilities. */
  finish(): Pick<Segmentation, 'labelMap' | 'lesionProbability'> {
    const box = { start: [0, 0, 0] as Vec3, size: this.#grid.shape };
    return {
      labelMap: { grid: this.#grid, labels: this.#labels },
      lesionProbability: { box, values: this.#lesion },
    };
  }

  #onScannerGrid(slice: Float32Array): Float32Array {
    const { inner, before, shape } = this.#input;
    const [alongX, alongY] = this.#lines;
    const channels = this.#stage.channels.length;
    const plane = new Float32Array(channels * alongX.to * alongY.to);
    const columns = new Float32Array(Math.max(alongX.from, alongX.to) * inner[1]);
    const rows = new Float32Array(Math.max(alongY.from, alongY.to) * alongX.to);
    for (let channel = 0; channel < channels; channel++) {
      for (let y = 0; y < inner[1]; y++) {
        const from = before[0] + shape[0] * (before[1] + y + shape[1] * channel);
        for (let x = 0; x < inner[0]; x++) columns[x * inner[1] + y] = slice[from + x]!;
      }
      resampleRows(columns, inner[1], alongX);
      for (let y = 0; y < inner[1]; y++) {
        for (let x = 0; x < alongX.to; x++) rows[y * alongX.to + x] = columns[x * inner[1] + y]!;
      }
      resampleRows(rows, alongX.to, alongY);
      plane.set(rows.subarray(0, alongX.to * alongY.to), channel * alongX.to * alongY.to);
    }
    return plane;
  }

  /** Slice z along the network's axes, between two of its planes. */
  #decide(z: number, near: Float32Array, far: Float32Array | null, share: number): void {
    const { shape, first, steps } = this.#axes;
    const { channels, wholeScan } = this.#stage;
    const labels = channels.map((channel) => LABELS[channel]);
    const perChannel = shape[0] * shape[1];
    const values = new Float64Array(channels.length);
    const decide = wholeScan!.decide === 'regions' ? this.#region : this.#largest;
    const probability = { lesion: 0 };
    for (let y = 0, from = 0; y < shape[1]; y++) {
      let to = first + y * steps[1] + z * steps[2];
      for (let x = 0; x < shape[0]; x++, from++, to += steps[0]) {
        for (let channel = 0, at = from; channel < values.length; channel++, at += perChannel) {
          const value = near[at]!;
          values[channel] = far === null ? value : value + share * (far[at]! - value);
        }
        this.#labels[to] = decide.call(this, values, labels, probability);
        this.#lesion[to] = Math.round(255 * Math.min(1, Math.max(0, probability.lesion)));
      }
    }
  }

  #largest(values: Float64Array, labels: readonly number[], probability: { lesion: number }): number {
    let largest = 0;
    for (let channel = 1; channel < values.length; channel++)
      if (values[channel]! > values[largest]!) largest = channel;
    const top = values[largest]!;
    let [all, inLesion] = [0, 0];
    for (let channel = 0; channel < values.length; channel++) {
      const share = this.#isLogits ? Math.exp(values[channel]! - top) : values[channel]!;
      all += share;
      if (labels[channel] === LESION) inLesion += share;
    }
    probability.lesion = inLesion / all;
    return labels[largest]!;
  }

  #region(values: Float64Array, labels: readonly number[], probability: { lesion: number }): number {
    let label = BACKGROUND;
    probability.lesion = 0;
    for (let channel = 0; channel < values.length; channel++) {
      const value = this.#isLogits ? sigmoid(values[channel]!) : values[channel]!;
      if (value > 0.5) label = labels[channel]!;
      if (labels[channel] === LESION && value > probability.lesion) probability.lesion = value;
    }
    return label;
  }

  /** Whether what was brought to the scanner's grid is logits still. */
  get #isLogits(): boolean {
    return this.#stage.activation === 'logits' && this.#stage.wholeScan!.resampled === 'output';
  }
}

/** A slice [channels, y, x] of logits as probabilities, in place: a softmax over the channels, or a sigmoid of each. */
export function toProbabilitiesInPlace(slice: Float32Array, { channels, wholeScan }: Stage): void {
  if (wholeScan!.decide === 'regions') {
    for (let n = 0; n < slice.length; n++) slice[n] = sigmoid(slice[n]!);
    return;
  }
  const voxels = slice.length / channels.length;
  for (let voxel = 0; voxel < voxels; voxel++) {
    let [largest, sum] = [-Infinity, 0];
    for (let at = voxel; at < slice.length; at += voxels) largest = Math.max(largest, slice[at]!);
    for (let at = voxel; at < slice.length; at += voxels) sum += Math.exp(slice[at]! - largest);
    for (let at = voxel; at < slice.length; at += voxels) slice[at] = Math.exp(slice[at]! - largest) / sum;
  }
}

const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit));
