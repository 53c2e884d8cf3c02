import { Worker } from 'node:worker_threads';
import type { Db } from 'pg-boss';
import { z } from 'zod';
import { derivedUid } from '../dicom/uid.ts';
import type { ArchiveOptions } from '../dicomweb/archive.ts';
import type { ReviewOrder } from '../review.ts';
import type { Audit } from './audit.ts';
import { PipelineFailed } from './errors.ts';
import type { ReviewAnswer } from './review-thread.ts';
import { type Run, VERDICTS, type Verdict } from './run.ts';
import { transaction } from './transaction.ts';

/** A review as it is kept. */
const reviewSchema = z.object({
  runId: z.string(),
  number: z.int().positive(),
  reviewer: z.string().nullable(),
  verdict: z.enum(VERDICTS),
  comment: z.string().nullable(),
  createdAt: z.date(),
  isStored: z.boolean(),
});
type Row = z.infer<typeof reviewSchema>;
export type Review = Row & { readonly object: Uids };
interface Uids {
  readonly seriesInstanceUID: string;
  readonly sopInstanceUID: string;
}

const COLUMNS =
  'run_id AS "runId", number, reviewer, verdict, comment, created_at AS "createdAt", is_stored AS "isStored"';
const THREAD = new URL('./review-thread.ts', import.meta.url);

/** The archive did not take a review. Nothing is lost: the same review sent again is carried through. */
export class ReviewNotStored extends Error {
  override readonly name = 'ReviewNotStored';
}

/**
 * What people say of results. A review counts once it is in the archive; what goes into it is settled before, so that a
 * second try stores the same object.
 */
export class Reviews {
  readonly #db: Db;
  readonly #archive: ArchiveOptions;
  readonly #audit: Audit;

  constructor(db: Db, archive: ArchiveOptions, audit: Audit) {
    this.#db = db;
    this.#audit = audit;
    this.#archive = archive;
  }

  /**
   * Keeps a verdict, in the archive and here; the same person's same verdict again is the one that is there.
   * @throws ReviewNotStored
   */
  async add(
    run: Run,
    said: { readonly reviewer: string | null; readonly verdict: Verdict; readonly comment: string | null },
  ): Promise<{ review: Review; isNew: boolean }> {
    const { review, predecessor } = await this.#settle(run, said);
    if (review.isStored) return { review, isNew: false };
    await this.#store(run, review, predecessor);
    await transaction(this.#db, async (tx) => {
      const kept =
        'UPDATE hepar.reviews SET is_stored = true WHERE run_id = $1 AND number = $2 AND NOT is_stored RETURNING number';
      const { rows } = await tx.executeSql(kept, [run.id, review.number]);
      // Two of the same at once are one.
      if (rows.length === 0) return;
      const { id: runId, seriesInstanceUid } = run;
      const { reviewer: who, verdict } = review;
      await this.#audit.add({ event: 'reviewed', runId, seriesInstanceUid, who, details: { verdict } }, tx);
    });
    return { review: { ...review, isStored: true }, isNew: true };
  }

  /** The latest of each person, newest first. Who did not sign in counts as one person. */
  async list(runId: string): Promise<Review[]> {
    const rows = await this.#select(
      `SELECT DISTINCT ON (reviewer) ${COLUMNS} FROM hepar.reviews WHERE run_id = $1 AND is_stored
       ORDER BY reviewer, number DESC`,
      [runId],
    );
    return rows.sort((a, b) => b.number - a.number);
  }

  #settle(run: Run, { reviewer, verdict, comment }: Pick<Row, 'reviewer' | 'verdict' | 'comment'>) {
    return transaction(this.#db, async (tx) => {
      await tx.executeSql(`SELECT pg_advisory_xact_lock(hashtextextended('hepar.reviews ' || $1, 0))`, [run.id]);
      const all = await this.#select(
        `SELECT ${COLUMNS} FROM hepar.reviews WHERE run_id = $1 ORDER BY number`,
        [run.id],
        tx,
      );
      const own = all.filter((review) => review.reviewer === reviewer);
      const last = own.at(-1);
      const stored = own.filter(({ isStored, number }) => isStored && number !== last?.number);
      if (last?.verdict === verdict && last.comment === comment) return { review: last, predecessor: stored.at(-1) };
      const [review] = await this.#select(
        `INSERT INTO hepar.reviews (run_id, number, reviewer, verdict, comment, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${COLUMNS}`,
        [run.id, (all.at(-1)?.number ?? 0) + 1, reviewer, verdict, comment, new Date()],
        tx,
      );
      return { review: review!, predecessor: own.findLast(({ isStored }) => isStored) };
    });
  }

  async #store(run: Run, review: Review, predecessor: Review | undefined): Promise<void> {
    const { runId, reviewer, verdict, comment, createdAt } = review;
    const thread = new Worker(THREAD, {
      workerData: {
        archive: this.#archive,
        runId,
        studyInstanceUid: run.studyInstanceUid,
        seriesInstanceUid: run.seriesInstanceUid,
        sopInstanceUid: run.instances[0]!,
        verdict,
        comment,
        reviewer,
        createdAt,
        uids: review.object,
        predecessor: predecessor?.object ?? null,
        seg: {
          seriesInstanceUID: derivedUid('hepar', runId, 'seg-series'),
          sopInstanceUID: derivedUid('hepar', runId, 'seg-instance'),
        },
        modelDigest: run.model.digest,
      } satisfies ReviewOrder,
    });
    const answer = await new Promise<ReviewAnswer>((resolve, reject) => {
      thread.once('message', resolve).once('error', reject);
      thread.once('exit', () => reject(new Error('The thread that stores reviews ended without a word.')));
    });
    if (answer.kind === 'archive-failed') throw new ReviewNotStored(answer.message);
    if (answer.kind === 'failed') throw new PipelineFailed('ReviewFailed', answer.message, false, answer.stack);
  }

  async #select(text: string, values: unknown[], tx: Db = this.#db): Promise<Review[]> {
    const { rows } = await tx.executeSql(text, values);
    return rows.map((row) => {
      const review = reviewSchema.parse(row);
      return { ...review, object: reviewUids(review) };
    });
  }
}

/** Follows from who said it and when, not from a count that a lost database would begin anew. */
function reviewUids({ runId, reviewer, createdAt }: Row): Uids {
  return {
    seriesInstanceUID: derivedUid('hepar', runId, 'review-series'),
    sopInstanceUID: derivedUid('hepar', runId, 'review', reviewer ?? '', createdAt.toISOString()),
  };
}
