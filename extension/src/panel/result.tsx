import type { FindingsDocument } from '../../../server/src/findings/schema.ts';
import type { SegmentationView } from '../../../server/src/http/contract.ts';
import { counted, dateTime, duration, percent, volumeMl } from '../findings/format.ts';
import { burdenShare } from '../findings/report-text.ts';
import type { Session } from '../state/session.ts';
import { isOutgrown, listedLesions, type OverlayState, results, type SessionState } from '../state/session-state.ts';
import { CopyButton } from './copy-button.tsx';
import { Drawing } from './drawing.tsx';
import { LesionTable } from './lesion-table.tsx';

interface Props {
  readonly session: Session;
  readonly state: SessionState;
  readonly run: SegmentationView;
}

/** What was found in the series, and by whom. */
export function Result({ session, state, run }: Props) {
  const findings = state.findings.get(run.id);
  return (
    <div className="hepar-result" data-cy="hepar-result" data-overlay={overlayName(state.overlays.get(run.id))}>
      <ResultPicker session={session} state={state} run={run} />
      <OverlayLine session={session} state={state} run={run} />
      {findings && <Findings session={session} state={state} run={run} findings={findings} />}
    </div>
  );
}

function Findings({ session, state, run, findings }: Props & { findings: FindingsDocument }) {
  const { lesions, liver, warnings } = findings;
  const listed = listedLesions(state, findings);
  return (
    <>
      <h3 className="hepar-headline" data-cy="hepar-headline">
        {lesions.length === 0 ? 'No lesion found' : counted(lesions.length, 'lesion')}
      </h3>
      <dl className="hepar-figures">
        <div>
          <dt>Liver</dt>
          <dd>{volumeMl(liver.volumeMl)} ml</dd>
        </div>
        {lesions.length > 0 && (
          <div>
            <dt>All lesions</dt>
            <dd>
              {volumeMl(findings.lesionBurdenMl)} ml <span className="hepar-quiet">({burdenShare(findings)})</span>
            </dd>
          </div>
        )}
      </dl>
      {isOutgrown(state, run) && (
        <p className="hepar-note">
          This result does not cover all images of the series. Segment again to include them.
        </p>
      )}
      {warnings.map(({ code, message }) => (
        <p key={code} className="hepar-note">
          {message}
        </p>
      ))}
      <Drawing session={session} state={state} hasLesions={lesions.length > 0} />
      {lesions.length > 0 && (
        <>
          <LesionTable session={session} state={state} run={run} lesions={listed} />
          {listed.length < lesions.length && (
            <p className="hepar-quiet" role="status">
              {counted(lesions.length - listed.length, 'lesion')} below {percent(state.lowestConfidence)} not shown.
            </p>
          )}
        </>
      )}
      <div className="hepar-row hepar-between">
        {lesions.length > 0 ? (
          <div className="hepar-row">
            <button type="button" onClick={() => session.step(-1)} aria-keyshortcuts="k" title="Previous lesion (K)">
              ◂ Previous <kbd>K</kbd>
            </button>
            <button type="button" onClick={() => session.step(1)} aria-keyshortcuts="j" title="Next lesion (J)">
              Next <kbd>J</kbd> ▸
            </button>
          </div>
        ) : (
          <span />
        )}
        <CopyButton findings={findings} lowestConfidence={state.lowestConfidence} />
      </div>
      <Origin state={state} run={run} findings={findings} />
    </>
  );
}

function Origin({
  state,
  run,
  findings: { engine, model, notice },
}: Omit<Props, 'session'> & { findings: FindingsDocument }) {
  const name = state.models.find(({ id }) => id === model.id)?.name ?? model.id;
  return (
    <footer className="hepar-origin">
      <p>
        {name} {model.version} on {engine.device} ({engine.provider.toUpperCase()})
        <br />
        {dateTime(run.finishedAt ?? run.createdAt)}
        {run.elapsedMs !== null && `, took ${duration(run.elapsedMs)}`}
      </p>
      <p className="hepar-notice">{notice}</p>
    </footer>
  );
}

function ResultPicker({ session, state, run }: Props) {
  const all = results(state);
  if (all.length < 2) return null;
  const isOneModel = new Set(all.map(({ model }) => model.id)).size === 1;
  return (
    <label className="hepar-row hepar-picker">
      Result
      <select
        value={run.id}
        onChange={(event) => {
          const chosen = all.find(({ id }) => id === event.target.value);
          if (chosen) session.choose(chosen);
        }}
      >
        {all.map(({ id, finishedAt, createdAt, model }, index) => (
          <option key={id} value={id}>
            {dateTime(finishedAt ?? createdAt)}, {isOneModel ? model.version : `${model.id} ${model.version}`}
            {index === 0 && ', newest'}
          </option>
        ))}
      </select>
    </label>
  );
}

function overlayName(overlay: OverlayState | undefined): string {
  return typeof overlay === 'object' ? 'failed' : (overlay ?? 'none');
}

function OverlayLine({ session, state, run }: Props) {
  const overlay = state.overlays.get(run.id);
  if (overlay === undefined || overlay === 'shown') return null;
  if (overlay === 'loading') {
    return (
      <p role="status" className="hepar-quiet">
        Loading the result…
      </p>
    );
  }
  return (
    <div role="alert" className="hepar-note hepar-error hepar-row hepar-between">
      <span>The overlay cannot be shown: {overlay.failed}.</span>
      <button type="button" onClick={() => session.retryOverlay()}>
        Try again
      </button>
    </div>
  );
}
