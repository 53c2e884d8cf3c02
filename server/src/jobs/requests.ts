import type { Config } from '../config.ts';
import type { CorrectionOrder } from '../correct.ts';
import type { ArchiveOptions } from '../dicomweb/archive.ts';
import type { Model } from '../inference/model.ts';
import type { RunRequest } from '../pipeline.ts';
import { PipelineFailed } from './errors.ts';
import type { Run } from './run.ts';

/**
 * What the engine is asked for a run, on this machine.
 * @throws PipelineFailed when the run's model is not here, and it is no correction; where there are other workers, one of them may have it
 */
export function requestsFor(
  config: Pick<Config, 'provider' | 'threads' | 'results' | 'priors' | 'databaseUrl'>,
  archive: ArchiveOptions,
  modelWithDigest: (digest: string) => Model | undefined,
): (run: Run, outDir: string, correction: CorrectionOrder | undefined) => RunRequest {
  return (run, outDir, correction) => {
    const model = modelWithDigest(run.model.digest);
    if (!model && !correction) {
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
      modelDir: correction || !model ? null : model.dir,
      provider: config.provider,
      threads: config.threads,
      outDir,
      options: config.results,
      heatMap: true,
      store: true,
      supersedes: run.supersedes,
      correction,
      createdAt: run.createdAt.toISOString(),
      ...(config.priors ? { priors: { kind: 'archive', archive } } : {}),
    };
  };
}
