import { duration } from '../findings/format.ts';
import type { Session } from '../state/session.ts';
import { type HeardRun, timesOf } from '../state/session-state.ts';
import { phaseText } from '../state/wording.ts';
import { useNow } from './use-session.ts';

/** How far the run has come, in the server's own figures. */
export function RunProgress({ session, heard }: { session: Session; heard: HeardRun }) {
  const { run } = heard;
  const { elapsedMs, remainingMs } = timesOf(heard, Math.max(useNow(), heard.heardAt));
  const percent = run.progress === null ? null : Math.round(100 * run.progress);
  return (
    <div className="hepar-card" data-cy="hepar-progress" data-phase={run.phase ?? run.state}>
      <p role="status" className="hepar-phase">
        {phaseText(run)}
      </p>
      <div
        role="progressbar"
        tabIndex={-1}
        aria-label="Progress of the segmentation"
        aria-valuemin={0}
        aria-valuemax={100}
        {...(percent === null ? {} : { 'aria-valuenow': percent })}
        className={`hepar-bar${percent === null ? ' hepar-bar-unknown' : ''}`}
      >
        <span style={percent === null ? {} : { width: `${percent}%` }} />
      </div>
      <div className="hepar-row hepar-between">
        <span className="hepar-quiet">
          {elapsedMs !== null && duration(elapsedMs)}
          {remainingMs !== null && `, about ${duration(remainingMs)} left`}
        </span>
        <button type="button" onClick={() => session.cancel()} data-cy="hepar-cancel">
          Cancel
        </button>
      </div>
      {run.failure && (
        <p className="hepar-quiet">
          Attempt {run.attempt} failed: {run.failure.message}
        </p>
      )}
    </div>
  );
}
