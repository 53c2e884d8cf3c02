/** The stages of a run, in their order. */
export const PHASES = ['retrieve', 'assemble', 'segment', 'measure', 'report', 'store'] as const;
export type Phase = (typeof PHASES)[number];

/** Tells how far a phase has come; `fraction` runs from 0 to 1. */
export type Report = (phase: Phase, fraction: number) => void;

/** How progress and cancelling reach every stage. A cancelled stage throws the signal's reason. */
export interface Progress {
  readonly signal: AbortSignal;
  readonly report: Report;
}
