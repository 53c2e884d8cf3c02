import type { Change, ChangePage, OrthancSeries } from '../../../server/src/intake/orthanc.ts';

/** An id as Orthanc's are, for a number. */
export function orthancId(number: number): string {
  return number.toString(16).padStart(40, '0').match(/.{8}/g)!.join('-');
}

/**
 * A feed as Orthanc's, in which series of `slices` images come in one after the other, made as it is asked for: nothing is
 * kept but its size. Every series has a change of its own after its first image.
 */
export class FakeFeed {
  readonly url = 'http://orthanc';
  /** How many changes there are. */
  size: number;
  /** Numbers that resources are named by: another generation is another database. */
  generation = 0;
  requests = 0;
  readonly #slices: number;

  constructor(size: number, slices = 300) {
    this.size = size;
    this.#slices = slices;
  }

  get seriesCount(): number {
    return Math.ceil(this.size / this.#perSeries);
  }

  seriesId(index: number): string {
    return orthancId(this.generation * 1e9 + index + 1);
  }

  async changes(after: number, limit: number): Promise<ChangePage> {
    this.requests++;
    const last = Math.min(this.size, after + limit);
    const Changes = Array.from({ length: Math.max(0, last - after) }, (_, index) => this.#change(after + index + 1));
    return { Changes, Done: last >= this.size, Last: Changes.length > 0 ? last : this.size };
  }

  async seriesOfInstance(id: string): Promise<string | null> {
    this.requests++;
    const number = Number.parseInt(id.replaceAll('-', ''), 16) - 5e12 - this.generation * 1e9;
    return this.seriesId(Math.floor(number / this.#slices));
  }

  async series(id: string): Promise<OrthancSeries | null> {
    this.requests++;
    const index = Number.parseInt(id.replaceAll('-', ''), 16) - 1 - this.generation * 1e9;
    const Instances = Array.from({ length: this.#slices }, (_, slice) => this.#instanceId(index, slice));
    return { ID: id, ParentStudy: id, IsStable: true, Instances, MainDicomTags: { Modality: 'CT' } };
  }

  get #perSeries(): number {
    return this.#slices + 1;
  }

  #change(seq: number): Change {
    const index = Math.floor((seq - 1) / this.#perSeries);
    const within = (seq - 1) % this.#perSeries;
    if (within === 1) return { Seq: seq, ChangeType: 'NewSeries', ResourceType: 'Series', ID: this.seriesId(index) };
    const slice = within === 0 ? 0 : within - 1;
    return { Seq: seq, ChangeType: 'NewInstance', ResourceType: 'Instance', ID: this.#instanceId(index, slice) };
  }

  #instanceId(series: number, slice: number): string {
    return orthancId(5e12 + this.generation * 1e9 + series * this.#slices + slice);
  }
}
