import { useState } from 'react';
import type { ReviewView, SegmentationView } from '../../../server/src/http/contract.ts';
import { dateTime } from '../findings/format.ts';
import type { Session } from '../state/session.ts';
import type { SessionState } from '../state/session-state.ts';

type Verdict = ReviewView['verdict'];
const SAYS: Record<Verdict, string> = { accepted: 'Accepted', rejected: 'Rejected' };
const LONGEST_COMMENT = 1_000;

/** What a person thinks of the result, and what can be done: correct it, or say so, which the archive keeps beside it. */
export function ReviewCard({ session, state, run }: { session: Session; state: SessionState; run: SegmentationView }) {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const last = state.reviews.get(run.id)?.at(-1);
  if (verdict) {
    return <ReviewForm session={session} verdict={verdict} onClose={() => setVerdict(null)} />;
  }
  return (
    <section className="hepar-review" aria-label="Review" data-cy="hepar-review" data-verdict={last?.verdict ?? 'none'}>
      {last && (
        <p role="status">
          <strong>{SAYS[last.verdict]}</strong>{' '}
          <span className="hepar-quiet">
            by {last.reviewer ?? 'someone who did not sign in'}, {dateTime(last.createdAt)}
          </span>
          {last.comment && <q>{last.comment}</q>}
        </p>
      )}
      <div className="hepar-row hepar-between">
        <button
          type="button"
          disabled={state.overlays.get(run.id) !== 'shown'}
          onClick={() => session.editing.begin()}
          data-cy="hepar-correct"
        >
          Correct…
        </button>
        <div className="hepar-row">
          <button type="button" onClick={() => setVerdict('accepted')} data-cy="hepar-accept">
            Accept
          </button>
          <button type="button" onClick={() => setVerdict('rejected')} data-cy="hepar-reject">
            Reject
          </button>
        </div>
      </div>
    </section>
  );
}

interface FormProps {
  readonly session: Session;
  readonly verdict: Verdict;
  readonly onClose: () => void;
}

function ReviewForm({ session, verdict, onClose }: FormProps) {
  const [comment, setComment] = useState('');
  const [isSending, setIsSending] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const send = async () => {
    setIsSending(true);
    const said = comment.trim();
    const problem = await session.reviews.send({ verdict, ...(said === '' ? {} : { comment: said }) });
    setIsSending(false);
    setFailure(problem);
    if (problem === null) onClose();
  };
  return (
    <form
      className="hepar-card"
      aria-label={`${SAYS[verdict]}: comment`}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <label className="hepar-stack">
        {verdict === 'accepted' ? 'Accept this result. Comment' : 'Reject this result. Why?'}
        <textarea
          rows={2}
          maxLength={LONGEST_COMMENT}
          value={comment}
          // biome-ignore lint/a11y/noAutofocus: it opens at the press of a button, and this is what it is for
          autoFocus
          onChange={(event) => setComment(event.target.value)}
        />
      </label>
      {failure && (
        <p role="alert" className="hepar-note hepar-error">
          The review was not stored: {failure}
        </p>
      )}
      <div className="hepar-row">
        <button type="submit" className="hepar-primary" disabled={isSending} data-cy="hepar-send-review">
          {isSending ? 'Storing…' : verdict === 'accepted' ? 'Accept' : 'Reject'}
        </button>
        <button type="button" disabled={isSending} onClick={onClose}>
          Back
        </button>
      </div>
    </form>
  );
}
