import type { SegmentationView } from '../../../server/src/http/contract.ts';
import type { Session } from '../state/session.ts';

/** The last run brought no result: why, and what can be done. */
export function EndedRun({ session, run }: { session: Session; run: SegmentationView }) {
  const again = (
    <button type="button" onClick={() => session.segment()}>
      Try again
    </button>
  );
  switch (run.state) {
    case 'refused':
      return (
        <div role="status" className="hepar-card" data-cy="hepar-refused">
          <h3>This series cannot be segmented</h3>
          <p>{sentence(run.refusal?.message)}</p>
        </div>
      );
    case 'failed':
      return (
        <div role="status" className="hepar-card" data-cy="hepar-failed">
          <h3>The segmentation failed</h3>
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
