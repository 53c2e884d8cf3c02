import { mkdir, mkdtemp, open, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import type { PhantomSeries } from './series.ts';
import { describeTruth, LabelCount, type PhantomTruth } from './truth.ts';

/** The folder that should receive a phantom is in use. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError';
  constructor(folder: string) {
    super(`${folder} exists and is not an empty folder.`);
  }
}

/**
 * Writes dicom/0001.dcm and so on, truth.raw and truth.json into `folder`, which is new or empty. It is made beside that place
 * and moved there when it is complete; a cancelled or failed one leaves nothing.
 *
 * @throws FolderInUseError
 * @throws the signal's reason when it is aborted
 */
export async function writePhantomFolder(
  series: PhantomSeries,
  folder: string,
  { signal, onSlice }: { signal: AbortSignal; onSlice?: (done: number, slices: number) => void },
): Promise<PhantomTruth> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    if (error.code === 'ENOTDIR') throw new FolderInUseError(folder);
    throw error;
  });
  if (found && found.length > 0) throw new FolderInUseError(folder);
  await mkdir(dirname(folder), { recursive: true });
  const unfinished = await mkdtemp(join(dirname(folder), `.${basename(folder)}-unfinished-`));
  try {
    // A folder within: mkdtemp's own can be read by its owner only.
    const made = join(unfinished, basename(folder));
    await mkdir(made);
    const truth = await writeInto(made, series, signal, onSlice);
    signal.throwIfAborted();
    if (found) await rmdir(folder);
    await rename(made, folder);
    return truth;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function writeInto(
  folder: string,
  series: PhantomSeries,
  signal: AbortSignal,
  onSlice?: (done: number, slices: number) => void,
): Promise<PhantomTruth> {
  const { rows, columns, slices } = series.geometry;
  const counts = new LabelCount();
  const dicom = join(folder, 'dicom');
  await mkdir(dicom);
  await using labelMap = await open(join(folder, 'truth.raw'), 'w');
  let done = 0;
  for (const { bytes, labels, k } of series.instances()) {
    await breathe();
    signal.throwIfAborted();
    done++;
    await writeFile(join(dicom, `${String(done).padStart(4, '0')}.dcm`), bytes);
    await labelMap.write(labels, 0, labels.length, k * rows * columns);
    counts.add(labels);
    onSlice?.(done, slices);
  }
  const truth = describeTruth(series, counts);
  await writeFile(join(folder, 'truth.json'), `${JSON.stringify(truth, null, 2)}\n`);
  return truth;
}
