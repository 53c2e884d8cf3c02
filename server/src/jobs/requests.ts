import type { Config } from '../config.ts';
import type { CorrectionOrder } from '../correct.ts';
import type { ArchiveOptions } from '../dicomweb/archive.ts';
import type { Model } from '../inference/model.ts';
import type { RunRequest } from '../pipeline.ts';
import type { RestoreOrder } from '../restore.ts';
import { PipelineFailed } from './errors.ts';
import type { Run } from './run.ts';

/**
 * What the engine is asked for a run, on this machine.
 * @throws PipelineFailed when the run's model is not here, and is needed; where there are other workers, one of them may have it
 */
export function requestsFor(
  config: Pick<Config, 'engine' | 'results' | 'priors' | 'databaseUrl'>,
  archive: ArchiveOptions,
  modelWithDigest: (digest: string) => Model | undefined,
): (run: Run, outDir: string, correction: CorrectionOrder | undefined) => RunRequest {
  return (run, outDir, correction) => {
    const archived = run.archived ? archivedOf(run, run.archived) : undefined;
    const model = correction || archived ? null : modelWithDigest(run.model.digest);
    if (model === undefined) {
      const which = `${run.model.id} ${run.model.version}`;
      const mayBeElsewhere = config.databaseUrl !== undefined;
      throw new PipelineFailed('ModelGone', `The model ${which} is no longer on this server.`, mayBeElsewhere);
    }
    return {
      runId: run.id,
      source: {
        kind: 'dicomweb',
        archive,
        studyInstanceUid: run.studyInstanceUid,
        seriesInstanceUid: run.seriesInstanceUid,
        instances: run.instances,
      },
      modelDir: model?.dir ?? null,
      ...config.engine,
      outDir,
      options: config.results,
      heatMap: !archived,
      store: !archived,
      supersedes: run.supersedes,
      correction: archived ? undefined : correction,
      archived,
      createdAt: run.createdAt.toISOString(),
      ...(config.priors ? { priors: { kind: 'archive', archive } } : {}),
    };
  };
}

function archivedOf({ model, corrects, reviewer }: Run, known: NonNullable<Run['archived']>): RestoreOrder {
  return { model, ...known, ...(corrects === null ? {} : { correction: { corrects, reviewer } }) };
}
