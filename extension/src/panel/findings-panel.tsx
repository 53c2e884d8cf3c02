import type { KeyboardEvent } from 'react';
import { HOTKEYS } from '../id.ts';
import type { Session } from '../state/session.ts';
import {
  betterSeries,
  endedWithoutResult,
  liveRun,
  otherSeries,
  type SessionState,
  seriesName,
  shownResult,
} from '../state/session-state.ts';
import { phaseText } from '../state/wording.ts';
import { EndedRun } from './ended-run.tsx';
import { Question } from './question.tsx';
import { Result } from './result.tsx';
import { RunProgress } from './run-progress.tsx';
import { Styles } from './styles.tsx';
import { useSession } from './use-session.ts';

/** The panel beside the images: what goes on, what was found, and what to do next. */
export function FindingsPanel({ session }: { session: Session }) {
  const state = useSession(session);
  const live = liveRun(state);
  const ended = live ? null : endedWithoutResult(state);
  const result = shownResult(state);

  const onKeyDown = (event: KeyboardEvent) => {
    // The viewer's own keys (Enter, Space, arrows) must not act on the images while one works in here.
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === HOTKEYS.nextLesion) session.step(1);
    if (event.key === HOTKEYS.previousLesion) session.step(-1);
  };

  return (
    <section className="hepar hepar-panel" aria-label="Liver lesions" data-cy="hepar-panel" onKeyDown={onKeyDown}>
      <Styles />
      <header>
        <h2>Liver lesions</h2>
        {state.series && <p className="hepar-series">Series {state.series.name}</p>}
      </header>
      {state.trouble && (
        <p role="status" className="hepar-note hepar-trouble" data-cy="hepar-trouble">
          {state.trouble}
        </p>
      )}
      {state.error && (
        <p role="alert" className="hepar-note hepar-error">
          {state.error}
        </p>
      )}
      {state.isConfirming && !live && (
        <Question
          label="Segment again?"
          asks="This series has a current result. Segment it again? The present result is kept."
          no="Keep this result"
          yes="Segment again"
          onNo={() => session.declineRepeat()}
          onYes={() => session.segment()}
        />
      )}
      {live && <RunProgress session={session} heard={live} />}
      {ended && <EndedRun session={session} state={state} run={ended} />}
      {ended?.state === 'refused' && <BetterSeries session={session} state={state} />}
      {result ? (
        <Result session={session} state={state} run={result} />
      ) : (
        !live && !ended && <Start session={session} state={state} />
      )}
      <OtherSeries session={session} state={state} />
    </section>
  );
}

/** Letters typed there are text. */
function isTyping(target: EventTarget): boolean {
  return target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
}

/** Nothing has been segmented here yet. */
function Start({ session, state }: { session: Session; state: SessionState }) {
  const { series } = state;
  if (!series) return <p>Open a study to begin.</p>;
  return (
    <>
      {series.unsuitable ? (
        <p data-cy="hepar-unsuitable">{series.unsuitable}</p>
      ) : (
        <>
          <p>Finds and measures liver lesions in this series. You can go on reading while it works.</p>
          <button
            type="button"
            className="hepar-primary"
            disabled={state.isAsking || state.trouble !== null}
            onClick={() => session.segment()}
          >
            Segment liver lesions
          </button>
        </>
      )}
      <BetterSeries session={session} state={state} />
    </>
  );
}

function BetterSeries({ session, state }: { session: Session; state: SessionState }) {
  const better = betterSeries(state);
  if (!better) return null;
  return (
    <div className="hepar-card" data-cy="hepar-better">
      <p>
        Recommended: <strong>series {seriesName(better)}</strong>
        <br />
        <span className="hepar-quiet">{better.reason}</span>
      </p>
      <button type="button" onClick={() => session.showSeries(better.seriesInstanceUID)}>
        Show this series
      </button>
    </div>
  );
}

/** A run goes on, and a result waits, also where another series is in view. */
function OtherSeries({ session, state }: { session: Session; state: SessionState }) {
  const others = otherSeries(state);
  if (others.length === 0) return null;
  return (
    <nav aria-label="Other series of this study" className="hepar-others">
      {others.map(({ seriesInstanceUID, name, live, isEdited }) => (
        <div key={seriesInstanceUID} className="hepar-row hepar-between">
          <span className="hepar-quiet">
            Series {name}: {isEdited ? 'is being corrected' : live ? `${phaseText(live)}…` : 'has a result'}
          </span>
          <button type="button" onClick={() => session.showSeries(seriesInstanceUID)}>
            Show
          </button>
        </div>
      ))}
    </nav>
  );
}
