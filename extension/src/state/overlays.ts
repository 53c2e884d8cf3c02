import type { FindingsDocument } from '../../../server/src/findings/schema.ts';
import type { SegmentationView } from '../../../server/src/http/contract.ts';
import type { Companion } from '../companion/client.ts';
import { LIVER_SEGMENT } from '../editing/segments.ts';
import { afterPaint } from '../ohif/after-paint.ts';
import type { Labelmap } from '../ohif/labelmap.ts';
import { Overlay } from '../ohif/overlay.ts';
import type { Viewer } from '../ohif/viewer.ts';
import { isDrawn, type OverlayState, resultToShow, type SessionState } from './session-state.ts';
import type { Store } from './store.ts';

interface Jump {
  readonly runId: string;
  readonly segment: number;
  readonly world: readonly [number, number, number];
}

/** Keeps the right result over each series that the viewer shows. */
export class Overlays {
  readonly #store: Store<SessionState>;
  readonly #viewer: Viewer;
  readonly #companion: Companion;
  readonly #loaded = new Map<string, Overlay>();
  readonly #loading = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  /** Done with the next drawing, as soon as the overlay is there. */
  #pendingJump: Jump | null = null;
  #syncing: Promise<void> | null = null;
  #isStale = false;

  constructor(store: Store<SessionState>, viewer: Viewer, companion: Companion) {
    this.#store = store;
    this.#viewer = viewer;
    this.#companion = companion;
  }

  stop(): void {
    this.#stop.abort();
  }

  /**
   * Brings what is drawn in line with the state, after the panel has shown it: to draw the images takes longer. What comes
   * in the meantime is done in a further round.
   */
  sync(): Promise<void> {
    this.#isStale = true;
    this.#syncing ??= this.#syncAll().finally(() => {
      this.#syncing = null;
    });
    return this.#syncing;
  }

  /** Resolves when no result is being loaded. */
  async settled(): Promise<void> {
    await this.sync();
    await Promise.all(this.#loading.values());
  }

  /** Goes to the point, as soon as the overlay is there. */
  jumpTo(runId: string, segment: number, world: Jump['world']): void {
    this.#pendingJump = { runId, segment, world };
    void this.sync();
  }

  /** What is drawn of a result, for editing; null while its overlay is not there. */
  labelmapOf(runId: string): Labelmap | null {
    const overlay = this.#loaded.get(runId);
    return overlay?.exists ? overlay.labelmap : null;
  }

  /** The run whose result a segmentation of the viewer is; null for those of others. */
  runOf(segmentationId: string): string | null {
    const [id] = [...this.#loaded].find(([, { labelmap }]) => labelmap.segmentationId === segmentationId) ?? [];
    return id ?? null;
  }

  /** Forgets what was painted on a result; where it is shown, it is loaded from the archive again. */
  async discard(runId: string): Promise<void> {
    this.#loaded.get(runId)?.discard();
    this.#loaded.delete(runId);
    await this.sync();
  }

  async #syncAll(): Promise<void> {
    while (this.#isStale && !this.#stop.signal.aborted) {
      await afterPaint();
      this.#isStale = false;
      await this.#syncOnce();
    }
  }

  async #syncOnce(): Promise<void> {
    const state = this.#store.get();
    const series = new Set(this.#viewer.seriesByViewport().values());
    const wanted = new Map(
      [...series].flatMap((uid) => {
        const run = resultToShow(state, uid);
        return run ? [[run.id, run] as const] : [];
      }),
    );
    for (const run of wanted.values()) {
      if (!this.#loaded.get(run.id)?.exists && !isFailed(state.overlays.get(run.id))) this.#beginToLoad(run);
    }
    for (const [id, overlay] of this.#loaded) {
      if (!overlay.exists) continue;
      await overlay.attach(wanted.has(id));
      const findings = state.findings.get(id);
      if (wanted.has(id) && findings) this.#draw(overlay, id, findings);
    }
  }

  #draw(overlay: Overlay, runId: string, findings: FindingsDocument): void {
    const state = this.#store.get();
    const isOutline = state.drawing === 'outline';
    const isActive = state.series?.seriesInstanceUID === overlay.sourceSeriesUID;
    const selected = isActive ? findings.lesions.find(({ number }) => number === state.selected) : undefined;
    if (state.editing?.run.id === runId) {
      // Nothing is hidden from one who edits, and nothing so dense that the CT below it is.
      const segments = state.editing.segments.map(({ segment }) => segment);
      overlay.draw(segments, { isOutline, hidden: new Set(), selected: null });
    } else {
      const hidden = new Set(state.isLiverHidden ? [LIVER_SEGMENT] : []);
      for (const lesion of findings.lesions) if (!isDrawn(state, runId, lesion)) hidden.add(lesion.segmentNumber);
      const segments = [LIVER_SEGMENT, ...findings.lesions.map(({ segmentNumber }) => segmentNumber)];
      overlay.draw(segments, { isOutline, hidden, selected: selected?.segmentNumber ?? null });
    }
    const jump = this.#pendingJump;
    if (jump?.runId !== runId) return;
    this.#pendingJump = null;
    if (jump.segment === selected?.segmentNumber) overlay.jumpTo(jump.segment, jump.world);
  }

  #beginToLoad(run: SegmentationView): void {
    if (this.#loading.has(run.id)) return;
    const loading = this.#load(run).finally(() => {
      this.#loading.delete(run.id);
      void this.sync();
    });
    this.#loading.set(run.id, loading);
  }

  async #load(run: SegmentationView): Promise<void> {
    const { signal } = this.#stop;
    try {
      this.#tell(run.id, 'loading');
      const findings = this.#store.get().findings.get(run.id) ?? (await this.#companion.findings(run.id, signal));
      if (signal.aborted) return;
      this.#store.set({ findings: new Map(this.#store.get().findings).set(run.id, findings) });
      const { seg } = findings.objects;
      if (!seg) throw new Error('this result has no segmentation in the archive');
      const segmentation = await this.#viewer.segmentation({
        studyInstanceUID: run.studyInstanceUID,
        sourceSeriesUID: run.seriesInstanceUID,
        seriesInstanceUID: seg.seriesInstanceUID,
        signal,
      });
      const overlay = await Overlay.load(this.#viewer, segmentation);
      if (signal.aborted) return;
      this.#loaded.set(run.id, overlay);
      this.#tell(run.id, 'shown');
    } catch (error) {
      if (!signal.aborted) this.#tell(run.id, { failed: oneLine(error) });
    }
  }

  #tell(runId: string, overlay: OverlayState): void {
    this.#store.set({ overlays: new Map(this.#store.get().overlays).set(runId, overlay) });
  }
}

function isFailed(overlay: OverlayState | undefined): boolean {
  return typeof overlay === 'object';
}

/** The viewer throws strings too. */
export function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0]!;
}
