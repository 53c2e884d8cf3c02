import type { SegmentationView } from '../../../server/src/http/contract.ts';
import { isEdited, liveRun, type SessionState, shownResult } from './session-state.ts';

/** What the toolbar button is, and says when pointed at. */
export interface ButtonState {
  readonly kind: 'ready' | 'busy' | 'disabled';
  readonly label: string;
  readonly hint: string;
}

const LABEL = 'Segment liver lesions';

export function buttonState(state: SessionState): ButtonState {
  const { series } = state;
  const live = liveRun(state);
  if (live) return { kind: 'busy', ...busy(live.run) };
  if (state.isAsking) return { kind: 'busy', label: 'Segmenting', hint: 'Asking the server.' };
  const disabled = (hint: string): ButtonState => ({ kind: 'disabled', label: LABEL, hint });
  if (!series) return disabled('Open an axial CT series in the active viewport.');
  if (series.unsuitable) return disabled(series.unsuitable);
  if (state.trouble) return disabled(state.trouble);
  if (isEdited(state, series.seriesInstanceUID)) return disabled('Save or discard your changes first.');
  const hint = shownResult(state)
    ? 'This series has a result. Click to segment it again.'
    : `Find and measure liver lesions in series ${series.name}.`;
  return { kind: 'ready', label: LABEL, hint };
}

function busy(run: SegmentationView): Pick<ButtonState, 'label' | 'hint'> {
  if (run.state === 'queued') return { label: 'Waiting', hint: `${phaseText(run)}. Click for its progress.` };
  const share = run.progress === null ? '' : ` ${Math.round(100 * run.progress)} %`;
  return { label: `${run.kind === 'correction' ? 'Saving' : 'Segmenting'}${share}`, hint: 'Click for its progress.' };
}

/** How a phase is called before a radiologist. */
export function phaseText({ state, phase, attempt, position, kind }: SegmentationView): string {
  if (state === 'queued') {
    const place = position === null ? '' : position === 1 ? ': next in the queue' : `: number ${position} in the queue`;
    return `${attempt > 0 ? 'Waiting for the next attempt' : 'Waiting for its turn'}${place}`;
  }
  const names = {
    retrieve: 'Fetching the images',
    assemble: 'Putting the slices together',
    segment: kind === 'correction' ? 'Taking over your changes' : 'Segmenting liver and lesions',
    measure: 'Measuring the lesions',
    report: 'Writing the result',
    store: 'Storing it in the archive',
  };
  return phase === null ? 'Starting' : names[phase];
}
