import type { Dataset } from '../dicom/dataset.ts';
import type { Instance } from '../dicom/instance.ts';
import { Refusal } from '../refusal.ts';
import { asRefusal } from './damage.ts';
import { readFrameHeader } from './frame.ts';
import {
  checkAxial,
  checkSameFrameOfReference,
  checkSameGrid,
  checkSameSeries,
  type Membership,
  readMembership,
} from './gate/agreement.ts';
import { type Kind, kindOfFrame, kindOfInstance } from './gate/kind.ts';
import { type Lossy, readLossy } from './gate/lossy.ts';
import { compareAlong } from './gate/spacing.ts';
import type { Oddities } from './gate/warnings.ts';
import { isBelievable, type Padding, readPadding, toHounsfield } from './hounsfield.ts';
import { imageName, readSlice, type Slice } from './slice.ts';
import { SliceStack } from './stack.ts';

/** A slice whose HU are in the stack under its number. */
export interface StackedSlice extends Slice {
  readonly number: number;
  readonly lossy: Lossy | null;
}

/** What the gate judges: the slices of a series with their HU, and what their headers have in common. */
export interface Collection {
  readonly slices: readonly StackedSlice[];
  readonly stack: SliceStack;
  readonly membership: Membership;
  /** Dataset of the slice that is lowest along the normal. */
  readonly header: Dataset;
  readonly oddities: Oddities;
}

/**
 * Takes the instances of a series as they come, keeps the HU and a few numbers of each slice, and refuses at once what
 * the headers alone forbid. Localizers and captures are counted and left out.
 */
export class Collector {
  readonly #expected: number;
  readonly #signal: AbortSignal;
  readonly #slices: StackedSlice[] = [];
  #stack: SliceStack | null = null;
  /** Of the first object, and of the first slice. */
  #series: Membership | null = null;
  #membership: Membership | null = null;
  #header: { readonly slice: StackedSlice; readonly dataset: Dataset } | null = null;
  readonly #oddities = { paddingIgnored: false, overlongDecimals: false };
  readonly dropped: Record<Exclude<Kind, 'slice'>, number> = { localizer: 0, capture: 0, 'colour-capture': 0 };

  /** @param expected number of instances to make room for */
  constructor(expected: number, signal: AbortSignal) {
    this.#expected = expected;
    this.#signal = signal;
  }

  /** Null when no slice came. */
  collection(): Collection | null {
    if (this.#stack === null || this.#membership === null || this.#header === null) return null;
    return {
      slices: this.#slices,
      stack: this.#stack,
      membership: this.#membership,
      header: this.#header.dataset,
      oddities: this.#oddities,
    };
  }

  /**
   * @param report told the share of the instance's frames that are done, after each
   * @throws Refusal; the signal's reason when cancelled
   */
  async take(instance: Instance, report: (fraction: number) => void): Promise<void> {
    const kind = kindOfInstance(instance);
    const membership = readMembership(instance.dataset, instance.sopInstanceUid);
    this.#series ??= membership;
    checkSameSeries(this.#series, membership);
    if (kind !== 'slice') {
      this.dropped[kind]++;
      report(1);
      return;
    }
    const frames = Math.max(1, instance.frames);
    for (let frame = 0; frame < frames; frame++) {
      this.#signal.throwIfAborted();
      await this.#takeFrame(instance, frame, membership);
      report((frame + 1) / frames);
    }
  }

  async #takeFrame(instance: Instance, frame: number, membership: Membership): Promise<void> {
    const header = readFrameHeader(instance.dataset, frame);
    const kind = kindOfFrame(header);
    if (kind !== 'slice') {
      this.dropped[kind]++;
      return;
    }
    if (instance.frames === 0) {
      const name = imageName(header.instanceNumber, null);
      throw new Refusal('no-pixel-data', `There is no pixel data in ${name}.`);
    }
    const slice = readSlice(instance, frame, header);
    this.#membership ??= membership;
    checkSameFrameOfReference(this.#membership, membership);
    const first = this.#slices[0];
    if (first !== undefined) {
      checkSameGrid(first, slice);
      checkAxial(slice);
    }
    this.#oddities.overlongDecimals ||= header.hasOverlongDecimal;
    const stored = await this.#decode(instance, frame, slice);
    this.#stack ??= new SliceStack(slice.rows * slice.columns, this.#expected * instance.frames);
    toHounsfield(stored, slice.rescale, this.#padding(instance.dataset, slice), this.#stack.push());
    this.#keep({ ...slice, number: this.#stack.count - 1, lossy: readLossy(instance) }, instance.dataset);
  }

  #keep(slice: StackedSlice, dataset: Dataset): void {
    this.#slices.push(slice);
    const compare = compareAlong(this.#slices[0]!.normal);
    if (this.#header === null || compare(slice, this.#header.slice) < 0) this.#header = { slice, dataset };
  }

  #padding(dataset: Dataset, { rescale }: Slice): Padding | null {
    const padding = readPadding(dataset);
    if (padding === null || isBelievable(padding, rescale)) return padding;
    this.#oddities.paddingIgnored = true;
    return null;
  }

  async #decode(instance: Instance, frame: number, slice: Slice): Promise<Int16Array | Uint16Array> {
    const name = imageName(slice.instanceNumber, slice.frameNumber);
    const stored = await instance.storedValues(frame).catch((error: unknown) => {
      this.#signal.throwIfAborted();
      throw asRefusal(error, 'pixel data', name);
    });
    const needed = slice.rows * slice.columns;
    if (stored.length !== needed) {
      throw new Refusal(
        'corrupt-instance',
        `The pixel data of ${name} is damaged: it holds ${stored.length} pixels, ${needed} were expected.`,
        {
          pixels: stored.length,
          expected: needed,
        },
      );
    }
    return stored;
  }
}
