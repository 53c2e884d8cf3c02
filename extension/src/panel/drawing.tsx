import { percent } from '../findings/format.ts';
import type { Session } from '../state/session.ts';
import type { Drawing as Kind, SessionState } from '../state/session-state.ts';

const KINDS: readonly (readonly [Kind, string])[] = [
  ['fill', 'Fill'],
  ['outline', 'Outline'],
];

/** How the result is drawn over the CT. */
export function Drawing({
  session,
  state,
  hasLesions,
}: {
  session: Session;
  state: SessionState;
  hasLesions: boolean;
}) {
  return (
    <div className="hepar-drawing">
      <div className="hepar-row hepar-between">
        <fieldset className="hepar-choice">
          <legend className="hepar-hidden">Draw as</legend>
          {KINDS.map(([kind, label]) => (
            <label key={kind}>
              <input
                type="radio"
                name="hepar-drawing"
                checked={state.drawing === kind}
                onChange={() => session.setDrawing(kind)}
              />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
        <label className="hepar-row">
          <input type="checkbox" checked={!state.isLiverHidden} onChange={() => session.toggleLiver()} />
          Liver
        </label>
      </div>
      {hasLesions && (
        <label className="hepar-row hepar-slider">
          Confidence from
          <input
            type="range"
            min={0}
            max={100}
            step={5}
            value={Math.round(100 * state.lowestConfidence)}
            aria-valuetext={percent(state.lowestConfidence)}
            onChange={(event) => session.setLowestConfidence(event.target.valueAsNumber / 100)}
          />
          <output>{percent(state.lowestConfidence)}</output>
        </label>
      )}
    </div>
  );
}
