import type { CorrectionRequest, SegmentationView } from '../../../server/src/http/contract.ts';
import { lesionColour } from '../../../server/src/reports/colours.ts';
import type { Companion } from '../companion/client.ts';
import { isLive } from '../companion/run.ts';
import { editedSegments, freeSegment, LIVER_SEGMENT } from '../editing/segments.ts';
import type { DrawnLabels, Labelmap } from '../ohif/labelmap.ts';
import type { Viewer } from '../ohif/viewer.ts';
import { type Overlays, oneLine } from './overlays.ts';
import { type EditState, type SessionState, shownResult, type Tool } from './session-state.ts';
import type { Store } from './store.ts';

const TOOLS: Record<Tool, string> = { brush: 'CircularBrush', eraser: 'CircularEraser' };
/** What the left mouse button does when nothing is edited. */
const TOOL_AT_REST = 'WindowLevel';
const USUAL_RADIUS_MM = 5;

interface Options {
  readonly store: Store<SessionState>;
  readonly viewer: Viewer;
  readonly companion: Pick<Companion, 'correct'>;
  readonly overlays: Pick<Overlays, 'labelmapOf' | 'runOf' | 'discard' | 'sync'>;
  /** A saving run, as the server answered. */
  readonly onRun: (run: SegmentationView) => void;
}

/**
 * A correction from the first stroke until the server has stored it. The viewer's own tools change the voxels; here is
 * known which result they belong to, what each segment is, and whether anything would be lost.
 */
export class Editing {
  readonly #options: Options;
  readonly #original = new Map<number, string>();
  readonly #deleted = new Set<number>();
  readonly #end: () => void;

  constructor(options: Options) {
    this.#options = options;
    this.#end = options.viewer.onEdit((id, what) => this.#edited(id, what));
  }

  stop(): void {
    this.#end();
  }

  /** Whether something that was drawn is nowhere but in the viewer. */
  get wouldLose(): boolean {
    return this.#state?.isChanged === true || this.#state?.saving === '';
  }

  /** Hands the result that is shown to the viewer's tools, and takes the brush. */
  begin(): void {
    const result = shownResult(this.#options.store.get());
    if (!result || this.#state || !this.#open(result)) return;
    this.take('brush');
  }

  take(tool: Tool): void {
    const { viewer } = this.#options;
    this.#set({ tool });
    viewer.run('setToolActiveToolbar', { toolName: TOOLS[tool] });
    viewer.run('setBrushSize', { value: this.#state?.radiusMm });
    this.#lock();
  }

  setRadius(radiusMm: number): void {
    this.#set({ radiusMm });
    this.#options.viewer.run('setBrushSize', { value: radiusMm });
  }

  /** What is drawn, or erased from, henceforth. */
  choose(segment: number): void {
    this.#set({ active: segment });
    this.#labelmap?.activate(segment);
    this.#lock();
  }

  addLesion(): void {
    const editing = this.#state;
    const labelmap = this.#labelmap;
    if (!editing || !labelmap) return;
    const segment = freeSegment(editing.segments, this.#original);
    labelmap.add(segment, 'New lesion', lesionColour(segment - LIVER_SEGMENT));
    this.#refresh();
    this.#set({ active: segment });
    this.take('brush');
  }

  removeSegment(segment: number): void {
    this.#labelmap?.remove(segment);
    this.#refresh();
    this.#set({ isChanged: true });
    if (this.#state?.active === segment) this.choose(LIVER_SEGMENT);
  }

  /** Ends it where nothing was changed; asks otherwise. */
  leave(): void {
    if (this.#state?.isChanged) this.#set({ isLeaving: true });
    else this.#close();
  }

  stay(): void {
    this.#set({ isLeaving: false });
  }

  /** Gives up what was changed: the result is shown as the archive has it. */
  discard(): void {
    const run = this.#state?.run;
    this.#close();
    if (run) void this.#options.overlays.discard(run.id);
  }

  /** Has the server store what is drawn now as a new result. Resolves when it has taken it. */
  async save(): Promise<void> {
    const { store, companion, onRun } = this.#options;
    const editing = this.#state;
    const labelmap = this.#labelmap;
    if (!editing || !labelmap || editing.saving !== null) return;
    // What is painted from now on is not in what is sent.
    this.#set({ saving: '', isChanged: false, isLeaving: false });
    this.#rest();
    store.set({ error: null });
    try {
      const run = await companion.correct(editing.run.id, correctionOf(labelmap.read(), editing));
      this.#set({ saving: run.id });
      onRun(run);
    } catch (error) {
      this.#set({ saving: null, isChanged: true });
      store.set({ error: `The correction was not saved: ${oneLine(error)}` });
    }
  }

  /** Takes in how the saving run stands. */
  hear(run: SegmentationView): void {
    const editing = this.#state;
    if (!editing?.saving || run.id !== editing.saving || isLive(run)) return;
    if (run.state !== 'done') this.#set({ saving: null, isChanged: true });
    else if (editing.isChanged) this.#set({ saving: null });
    else this.discard();
  }

  get #state(): EditState | null {
    return this.#options.store.get().editing;
  }

  get #labelmap(): Labelmap | null {
    return this.#state && this.#options.overlays.labelmapOf(this.#state.run.id);
  }

  #set(change: Partial<EditState>): void {
    const editing = this.#state;
    if (editing) this.#options.store.set({ editing: { ...editing, ...change } });
  }

  #open(run: SegmentationView): boolean {
    const { store, overlays } = this.#options;
    const { findings, selected } = store.get();
    const document = findings.get(run.id);
    const labelmap = overlays.labelmapOf(run.id);
    if (!document || !labelmap) return false;
    this.#original.clear();
    this.#deleted.clear();
    for (const { segment, label } of labelmap.segments()) this.#original.set(segment, label);
    const chosen = document.lesions.find(({ number }) => number === selected) ?? document.lesions[0];
    const active = chosen?.segmentNumber ?? LIVER_SEGMENT;
    const editing = { run, segments: [], active, tool: null, radiusMm: USUAL_RADIUS_MM, saving: null };
    store.set({ editing: { ...editing, isChanged: false, isLeaving: false } });
    this.#refresh();
    labelmap.activate(active);
    return true;
  }

  #close(): void {
    if (!this.#state) return;
    this.#rest();
    this.#options.store.set({ editing: null });
    void this.#options.overlays.sync();
  }

  /** Gives the mouse back, so that no stroke is drawn by mistake. */
  #rest(): void {
    this.#set({ tool: null });
    this.#labelmap?.lock([]);
    this.#options.viewer.run('setToolActiveToolbar', { toolName: TOOL_AT_REST });
  }

  /**
   * The brush paints over everything: over a locked segment it would draw into a layer of its own, below what is locked.
   * The eraser takes from the chosen segment alone: otherwise it would cut the liver around a lesion.
   */
  #lock(): void {
    const editing = this.#state;
    const labelmap = this.#labelmap;
    if (!editing || !labelmap) return;
    const others = editing.segments.map(({ segment }) => segment).filter((segment) => segment !== editing.active);
    labelmap.lock(editing.tool === 'eraser' ? others : []);
    labelmap.activate(editing.active);
  }

  /** Somebody has painted, or used the viewer's own panel; that begins a correction as well. */
  #edited(segmentationId: string, what: 'voxels' | 'segments'): void {
    const { store, overlays } = this.#options;
    const runId = overlays.runOf(segmentationId);
    const run = store.get().runs.get(runId ?? '')?.run;
    if (run && !this.#state && (what === 'voxels' || this.#hasOtherSegments(run.id))) this.#open(run);
    if (this.#state?.run.id !== runId) return;
    if (what === 'voxels') this.#set({ isChanged: true });
    else this.#refresh();
  }

  #hasOtherSegments(runId: string): boolean {
    const findings = this.#options.store.get().findings.get(runId);
    const present = this.#options.overlays.labelmapOf(runId)?.segments();
    return findings !== undefined && present !== undefined && present.length !== findings.lesions.length + 1;
  }

  #refresh(): void {
    const editing = this.#state;
    const labelmap = this.#labelmap;
    const findings = editing && this.#options.store.get().findings.get(editing.run.id);
    if (!editing || !labelmap || !findings) return;
    const present = labelmap.segments();
    const numbers = new Set(present.map(({ segment }) => segment));
    const known = [...this.#original.keys(), ...editing.segments.map(({ segment }) => segment)];
    for (const segment of known) if (!numbers.has(segment)) this.#deleted.add(segment);
    const segments = editedSegments(present, findings, this.#original, this.#deleted);
    if (JSON.stringify(segments) === JSON.stringify(editing.segments)) return;
    const isOther = segments.length !== findings.lesions.length + 1;
    this.#set({ segments, isChanged: editing.isChanged || isOther });
    void this.#options.overlays.sync();
  }
}

/** A lesion of which nothing is left is no lesion. */
function correctionOf({ columns, rows, slices }: DrawnLabels, { segments }: EditState): CorrectionRequest {
  const drawn = new Set<number>();
  for (const { runs } of slices) for (let at = 0; at < runs.length; at += 3) drawn.add(runs[at]!);
  return {
    columns,
    rows,
    segments: segments
      .filter(({ segment, kind }) => kind === 'liver' || drawn.has(segment))
      .map(({ segment, kind, trackingUid }) => ({ segment, kind, trackingUid })),
    slices: [...slices],
  };
}
