/** The pipeline that computes nothing, with what stands for its results in the archive: the right series, and no more. */
import { createArchive } from '../../server/src/dicomweb/archive.ts';
import type { FindingsDocument } from '../../server/src/findings/schema.ts';
import type { RunRequest } from '../../server/src/pipeline.ts';
import type { Progress } from '../../server/src/progress.ts';
import { objectUids } from '../../server/src/reports/uids.ts';
import { runPipeline as runFakePipeline } from '../unit/jobs/fake-pipeline.ts';
import { smallDicomFile } from './small-dicom.ts';

export async function runPipeline(request: RunRequest, progress: Progress): Promise<FindingsDocument> {
  const findings = await runFakePipeline(request, progress);
  const { source, runId } = request;
  if (source.kind !== 'dicomweb') return findings;
  const archive = createArchive(source.archive);
  await archive.store(standIns(runId, source.studyInstanceUid), source.studyInstanceUid, { signal: progress.signal });
  archive.close();
  return findings;
}

function standIns(runId: string, studyUid: string): Uint8Array[] {
  return (['seg', 'sr'] as const).map((kind) => {
    const { seriesInstanceUID: seriesUid, sopInstanceUID: sopInstanceUid } = objectUids(runId, kind);
    return smallDicomFile({ sopInstanceUid, seriesUid, studyUid, modality: kind.toUpperCase() });
  });
}
