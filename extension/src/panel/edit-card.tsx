import { LIVER_COLOUR, lesionColour } from '../../../server/src/reports/colours.ts';
import { type EditedSegment, LIVER_SEGMENT } from '../editing/segments.ts';
import type { Editing } from '../state/editing.ts';
import type { EditState, Tool } from '../state/session-state.ts';
import { Question } from './question.tsx';

const TOOLS: readonly (readonly [Tool, string])[] = [
  ['brush', 'Brush'],
  ['eraser', 'Eraser'],
];

/** What is needed to correct a result, beside the viewer's own tools. */
export function EditCard({ editing, state }: { editing: Editing; state: EditState }) {
  const isSaving = state.saving !== null;
  return (
    <section
      className="hepar-card"
      aria-label="Correct this result"
      data-cy="hepar-edit"
      data-changed={state.isChanged}
      data-saving={isSaving}
    >
      <h3>Correct this result</h3>
      {isSaving ? (
        <p className="hepar-quiet">Your changes are being saved as a new result. The original one stays.</p>
      ) : (
        <>
          <Tools editing={editing} state={state} />
          <fieldset className="hepar-segments">
            <legend className="hepar-hidden">Segment to draw</legend>
            {state.segments.map((segment) => (
              <Segment
                key={segment.segment}
                segment={segment}
                isActive={segment.segment === state.active}
                editing={editing}
              />
            ))}
          </fieldset>
          <button type="button" onClick={() => editing.addLesion()} data-cy="hepar-add-lesion">
            Add a lesion
          </button>
          <p className="hepar-quiet hepar-small">
            The eraser takes from the chosen segment only; what a lesion loses within the liver goes back to it. The
            arrows at the top undo and redo.
          </p>
          <Ending editing={editing} state={state} />
        </>
      )}
    </section>
  );
}

function Tools({ editing, state }: { editing: Editing; state: EditState }) {
  return (
    <div className="hepar-row hepar-tools">
      <fieldset className="hepar-choice">
        <legend className="hepar-hidden">Tool</legend>
        {TOOLS.map(([tool, label]) => (
          <label key={tool}>
            <input type="radio" name="hepar-tool" checked={state.tool === tool} onChange={() => editing.take(tool)} />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      <label className="hepar-row hepar-slider">
        <span className="hepar-hidden">Radius</span>
        <input
          type="range"
          min={1}
          max={30}
          value={state.radiusMm}
          aria-valuetext={`${state.radiusMm} mm`}
          onChange={(event) => editing.setRadius(event.target.valueAsNumber)}
        />
        <output>{state.radiusMm} mm</output>
      </label>
    </div>
  );
}

function Ending({ editing, state }: { editing: Editing; state: EditState }) {
  if (state.isLeaving) {
    return (
      <Question
        asks="Discard your changes? The result stays as it is in the archive."
        label="Discard changes?"
        no="Go on editing"
        yes="Discard"
        onNo={() => editing.stay()}
        onYes={() => editing.discard()}
      />
    );
  }
  return (
    <>
      <div className="hepar-row hepar-between">
        <button
          type="button"
          className="hepar-primary"
          disabled={!state.isChanged}
          onClick={() => editing.save()}
          data-cy="hepar-save"
        >
          Save as new
        </button>
        <button type="button" onClick={() => editing.leave()} data-cy="hepar-leave">
          {state.isChanged ? 'Discard' : 'Close'}
        </button>
      </div>
      <p role="status" className="hepar-quiet hepar-small">
        {state.isChanged ? 'There are changes that are not saved.' : ''}
      </p>
    </>
  );
}

interface SegmentProps {
  readonly segment: EditedSegment;
  readonly isActive: boolean;
  readonly editing: Editing;
}

function Segment({ segment: { segment, label, kind }, isActive, editing }: SegmentProps) {
  const [r, g, b] = kind === 'lesion' ? lesionColour(segment - LIVER_SEGMENT) : LIVER_COLOUR;
  return (
    <div className={`hepar-row hepar-between ${isActive ? 'hepar-selected' : ''}`} data-cy={`hepar-segment-${segment}`}>
      <label className="hepar-row">
        <input type="radio" name="hepar-segment" checked={isActive} onChange={() => editing.choose(segment)} />
        <span className="hepar-swatch" style={{ background: `rgb(${r} ${g} ${b})` }} />
        {label}
      </label>
      {kind === 'lesion' && (
        <button type="button" aria-label={`Delete ${label}`} onClick={() => editing.removeSegment(segment)}>
          Delete
        </button>
      )}
    </div>
  );
}
