import type { LiveProgress } from '../jobs/live-runs.ts';
import { elapsedMs, isFinal, type Run } from '../jobs/run.ts';
import type { SegmentationView } from './contract.ts';

/** A run as the outside sees it: its record, and how far it has come where that is known. */
export function viewOf(run: Run, live: LiveProgress | null, now: number = Date.now()): SegmentationView {
  const running = run.state === 'running' ? live : null;
  const done = run.state === 'done' ? 1 : null;
  return {
    id: run.id,
    studyInstanceUID: run.studyInstanceUid,
    seriesInstanceUID: run.seriesInstanceUid,
    state: run.state,
    phase: run.state === 'queued' ? null : (running?.phase ?? run.phase),
    fraction: running?.fraction ?? done,
    progress: running?.whole ?? done,
    attempt: run.attempt,
    createdAt: run.createdAt.toISOString(),
    startedAt: run.startedAt?.toISOString() ?? null,
    finishedAt: run.finishedAt?.toISOString() ?? null,
    elapsedMs: run.state === 'queued' ? null : (running?.elapsedMs ?? elapsedMs(run, now)),
    remainingMs: isFinal(run.state) ? null : (running?.remainingMs ?? null),
    failure: run.failure,
    refusal: run.refusal,
    model: run.model,
    repeat: run.repeat,
    origin: run.origin,
    priority: run.priority,
    rule: run.rule,
    deliveries: run.deliveries.map(({ job: _job, ...delivery }) => delivery),
    supersedes: run.supersedes,
    position: run.state === 'queued' ? run.position : null,
    kind: run.kind,
    corrects: run.corrects,
    reviewer: run.reviewer,
    verdict: run.verdict,
  };
}
