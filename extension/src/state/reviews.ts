import type { ReviewRequest, SegmentationView } from '../../../server/src/http/contract.ts';
import type { Companion } from '../companion/client.ts';
import { oneLine } from './overlays.ts';
import { type SessionState, shownResult } from './session-state.ts';
import type { Store } from './store.ts';

/** What people say of results, as far as it was asked for. */
export class Reviews {
  readonly #store: Store<SessionState>;
  readonly #companion: Pick<Companion, 'review' | 'reviewsOf'>;

  constructor(store: Store<SessionState>, companion: Pick<Companion, 'review' | 'reviewsOf'>) {
    this.#store = store;
    this.#companion = companion;
  }

  /** Says what the user thinks of the result that is shown. @returns why that was not stored; null when it was */
  async send(review: ReviewRequest): Promise<string | null> {
    const result = shownResult(this.#store.get());
    if (!result) return 'there is no result';
    try {
      await this.#companion.review(result.id, review);
      await this.#read(result.id);
      return null;
    } catch (error) {
      return oneLine(error);
    }
  }

  /** A run tells only the last verdict: who gave it, and why, is asked for when it is news. */
  hear({ id, state, verdict }: SegmentationView): void {
    const told = this.#store.get().reviews.get(id)?.at(-1)?.verdict ?? null;
    if (state === 'done' && verdict !== null && verdict !== told) this.#read(id).catch(() => {});
  }

  async #read(id: string): Promise<void> {
    const reviews = await this.#companion.reviewsOf(id);
    this.#store.set({ reviews: new Map(this.#store.get().reviews).set(id, reviews) });
  }
}
