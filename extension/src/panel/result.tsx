import type { FindingsDocument } from '../../../server/src/findings/schema.ts';
import type { SegmentationView } from '../../../server/src/http/contract.ts';
import { currentResult } from '../companion/run.ts';
import { counted, dateTime, duration, percent, volumeMl } from '../findings/format.ts';
import { burdenShare } from '../findings/report-text.ts';
import type { Session } from '../state/session.ts';
import {
  isEdited,
  isOutgrown,
  listedLesions,
  type OverlayState,
  results,
  type SessionState,
} from '../state/session-state.ts';
import { Comparison } from './comparison.tsx';
import { CopyButton } from './copy-button.tsx';
import { Drawing } from './drawing.tsx';
import { EditCard } from './edit-card.tsx';
import { LesionTable } from './lesion-table.tsx';
import { ReviewCard } from './review-card.tsx';

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
      {state.editing && isEdited(state, run.seriesInstanceUID) ? (
        <EditCard editing={session.editing} state={state.editing} />
      ) : (
        findings && <Findings session={session} state={state} run={run} findings={findings} />
      )}
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
      {findings.priors?.comparison && <Comparison comparison={findings.priors.comparison} />}
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
      <ReviewCard key={run.id} session={session} state={state} run={run} />
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
        {run.kind === 'correction' && (
          <>
            Corrected by {run.reviewer ?? 'someone who did not sign in'}, from a result of
            <br />
          </>
        )}
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
  const current = currentResult(all, run.seriesInstanceUID);
  return (
    <label className="hepar-row hepar-picker">
      Result
      <select
        value={run.id}
        disabled={isEdited(state, run.seriesInstanceUID)}
        data-cy="hepar-picker"
        onChange={(event) => {
          const chosen = all.find(({ id }) => id === event.target.value);
          if (chosen) session.choose(chosen);
        }}
      >
        {all.map((each) => (
          <option key={each.id} value={each.id}>
            {resultName(each, all)}
            {each.id === current?.id && ', current'}
          </option>
        ))}
      </select>
    </label>
  );
}

/** By date and model; whose correction it is tells more than the model below it. */
function resultName(
  { finishedAt, createdAt, model, kind, reviewer }: SegmentationView,
  all: readonly SegmentationView[],
) {
  const isOneModel = new Set(all.map(({ model: { id } }) => id)).size === 1;
  const by = isOneModel ? model.version : `${model.id} ${model.version}`;
  return `${dateTime(finishedAt ?? createdAt)}, ${kind === 'correction' ? `corrected${reviewer ? ` by ${reviewer}` : ''}` : by}`;
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
