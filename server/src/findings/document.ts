import type { Manifest } from '../inference/manifest.ts';
import type { EngineInfo } from '../inference/segmentation.ts';
import type { CtSeries, Warning } from '../volume/series.ts';
import type { Findings } from './measure.ts';
import type { Priors } from './priors.ts';
import { decimals } from './rounding.ts';
import { type FindingsDocument, NOTICE } from './schema.ts';

export interface FindingsDocumentParts {
  readonly runId: string;
  /** The run whose result this one takes the place of. */
  readonly supersedes: string | null;
  /** Of a correction: the run whose result was corrected, and who did it where that is known. */
  readonly correction?: { readonly corrects: string; readonly reviewer: string | null } | undefined;
  readonly model: { readonly manifest: Pick<Manifest, 'id' | 'version'>; readonly digest: string };
  readonly engine: EngineInfo;
  readonly timingsMs: FindingsDocument['engine']['timingsMs'];
  readonly series: CtSeries;
  /** UIDs of the objects that the run made; null for those it did not. */
  readonly objects: FindingsDocument['objects'];
  readonly findings: Findings;
  /** The result read against an earlier one; null where none was looked for. */
  readonly priors?: Priors | null;
  /** Beside those of the series. */
  readonly warnings?: readonly Warning[];
}

/** Decimals of the voxel spacing (mm): a tenth of a micrometre. */
const SPACING_DECIMALS = 4;

/** The content of findings.json. Measurements come rounded; times are rounded to whole milliseconds here. */
export function findingsDocument(parts: FindingsDocumentParts): FindingsDocument {
  const { model, engine, timingsMs, series, findings } = parts;
  const { shape, spacingMm } = series.volume.grid;
  const spacing = (axis: 0 | 1 | 2) => decimals(spacingMm[axis], SPACING_DECIMALS);
  return {
    run: parts.runId,
    kind: parts.correction ? 'correction' : 'segmentation',
    corrects: parts.correction?.corrects ?? null,
    reviewer: parts.correction?.reviewer ?? null,
    supersedes: parts.supersedes,
    model: { id: model.manifest.id, version: model.manifest.version, digest: model.digest },
    engine: {
      provider: engine.provider,
      device: engine.device,
      timingsMs: {
        retrieve: Math.round(timingsMs.retrieve),
        assemble: Math.round(timingsMs.assemble),
        segment: Math.round(timingsMs.segment),
        measure: Math.round(timingsMs.measure),
        report: Math.round(timingsMs.report),
        store: timingsMs.store === null ? null : Math.round(timingsMs.store),
      },
    },
    series: {
      studyInstanceUID: series.studyInstanceUid,
      seriesInstanceUID: series.seriesInstanceUid,
      slices: shape[2],
      columns: shape[0],
      rows: shape[1],
      spacingMm: [spacing(0), spacing(1), spacing(2)],
    },
    objects: parts.objects,
    liver: findings.liver,
    lesionBurdenMl: findings.lesionBurdenMl,
    lesions: findings.lesions,
    priors: parts.priors ?? null,
    warnings: [...series.warnings, ...(parts.warnings ?? [])].map(({ code, message }) => ({ code, message })),
    notice: NOTICE,
  };
}
