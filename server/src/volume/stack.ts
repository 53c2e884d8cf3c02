/** Room made at the start at most: a header that announces more frames than any scan has is not believed. */
const MOST_ROOM_BYTES = 2 ** 31;

/**
 * Slices in the order of their arrival, in one buffer that becomes the volume: they are put in order in place, so that
 * the peak is one volume and one slice. Where more slices come than were expected, the buffer grows by half, and old
 * and new stand side by side for that moment.
 */
export class SliceStack {
  readonly #sliceVoxels: number;
  #values: Int16Array<ArrayBuffer>;
  #count = 0;

  /** @param expected number of slices to make room for; memory that is never written is never committed */
  constructor(sliceVoxels: number, expected: number) {
    this.#sliceVoxels = sliceVoxels;
    const room = Math.min(expected, Math.floor(MOST_ROOM_BYTES / (sliceVoxels * 2)));
    this.#values = new Int16Array(sliceVoxels * Math.max(1, room));
  }

  get count(): number {
    return this.#count;
  }

  /** Room for one more slice, to be filled at once; its number is the count before. */
  push(): Int16Array {
    const end = (this.#count + 1) * this.#sliceVoxels;
    if (end > this.#values.length) {
      const slices = Math.max(this.#count + 1, Math.ceil(this.#count * 1.5));
      this.#values = new Int16Array(this.#values.buffer.transfer(slices * this.#sliceVoxels * 2));
    }
    this.#count++;
    return this.#values.subarray(end - this.#sliceVoxels, end);
  }

  slice(number: number): Int16Array {
    return this.#values.subarray(number * this.#sliceVoxels, (number + 1) * this.#sliceVoxels);
  }

  equal(a: number, b: number): boolean {
    const bytes = (slice: Int16Array) => Buffer.from(slice.buffer, slice.byteOffset, slice.byteLength);
    return bytes(this.slice(a)).equals(bytes(this.slice(b)));
  }

  /**
   * The slices of the given numbers, in that order; the others are left out. Reorders in place: the stack is used up,
   * and the array is a view on the start of its buffer.
   */
  intoVolume(order: readonly number[]): Int16Array {
    const wanted = new Set(order);
    const all = Array.from({ length: this.#count }, (_, number) => number);
    const source = [...order, ...all.filter((number) => !wanted.has(number))];
    const spare = new Int16Array(this.#sliceVoxels);
    const placed = new Uint8Array(this.#count);
    for (const start of all) {
      if (placed[start] === 1 || source[start] === start) continue;
      spare.set(this.slice(start));
      let to = start;
      for (let from = source[to]!; from !== start; from = source[to]!) {
        this.slice(to).set(this.slice(from));
        placed[to] = 1;
        to = from;
      }
      this.slice(to).set(spare);
      placed[to] = 1;
    }
    return this.#values.subarray(0, order.length * this.#sliceVoxels);
  }
}
