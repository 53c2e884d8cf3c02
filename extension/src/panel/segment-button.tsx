import type { Session } from '../state/session.ts';
import { buttonState } from '../state/wording.ts';
import { Styles } from './styles.tsx';
import { useSession } from './use-session.ts';

/** The toolbar button. Where it cannot be used it stays in the order of the Tab key, so that its reason can be reached. */
export function SegmentButton({ session }: { session: Session }) {
  const { kind, label, hint } = buttonState(useSession(session));
  const isDisabled = kind === 'disabled';
  return (
    <div className="hepar hepar-tool">
      <Styles />
      <button
        type="button"
        className={`hepar-tool-button hepar-${kind}`}
        aria-disabled={isDisabled}
        aria-describedby="hepar-segment-hint"
        data-cy="hepar-segment"
        onClick={() => {
          if (!isDisabled) session.press();
        }}
      >
        {kind === 'busy' && <span className="hepar-spinner" aria-hidden="true" />}
        {label}
      </button>
      <span id="hepar-segment-hint" role="tooltip" className="hepar-hint">
        {hint}
      </span>
    </div>
  );
}
