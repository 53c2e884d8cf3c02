import type { SegmentationView } from '../../../server/src/http/contract.ts';
import type { Session } from '../state/session.ts';
import { isEdited, type SessionState } from '../state/session-state.ts';

/** The last run brought no result: why, and what can be done. */
export function EndedRun({ session, state, run }: { session: Session; state: SessionState; run: SegmentationView }) {
  const isCorrection = run.kind === 'correction';
  // What was drawn is only in the viewer where it was: elsewhere it cannot be sent once more.
  const canRepeat = !isCorrection || isEdited(state, run.seriesInstanceUID);
  const again = canRepeat && (
    <button type="button" onClick={() => (isCorrection ? session.editing.save() : session.segment())}>
      Try again
    </button>
  );
  switch (run.state) {
    case 'refused':
      return (
        <div role="status" className="hepar-card" data-cy="hepar-refused">
          <h3>{isCorrection ? 'This correction cannot be saved' : 'This series cannot be segmented'}</h3>
          <p>{sentence(run.refusal?.message)}</p>
        </div>
      );
    case 'failed':
      return (
        <div role="status" className="hepar-card" data-cy="hepar-failed">
          <h3>{isCorrection ? 'The correction was not saved' : 'The segmentation failed'}</h3>
          <p>{sentence(run.failure?.message)}</p>
          {again}
        </div>
      );
    default:
      return (
        <div role="status" className="hepar-card hepar-row hepar-between" data-cy="hepar-cancelled">
          <span>Cancelled before it was done.</span>
          {again}
        </div>
      );
  }
}

function sentence(message = 'The server gave no reason'): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1).replace(/\.$/, '')}.`;
}
