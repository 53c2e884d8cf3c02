/** Finds its series gone in the first attempt at a run, as the real pipeline would; then it does what the storing one does. */
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SourceGone } from '../../server/src/dicomweb/errors.ts';
import type { FindingsDocument } from '../../server/src/findings/schema.ts';
import type { RunRequest } from '../../server/src/pipeline.ts';
import type { Progress } from '../../server/src/progress.ts';
import { runPipeline as runStoringPipeline } from './storing-pipeline.ts';

export async function runPipeline(request: RunRequest, progress: Progress): Promise<FindingsDocument> {
  const mark = join(request.outDir, 'gone-once');
  const isFirst = await access(mark).then(
    () => false,
    () => true,
  );
  if (!isFirst) return runStoringPipeline(request, progress);
  await mkdir(request.outDir, { recursive: true });
  await writeFile(mark, '');
  throw new SourceGone('http://archive/dicom-web');
}
