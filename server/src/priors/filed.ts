import type { Dataset } from '../dicom/dataset.ts';
import { parseInstance } from '../dicom/parse.ts';
import { seriesFilesIn } from '../dicomweb/files.ts';
import { aboutSegmentation } from './about.ts';
import type { Candidate } from './candidate.ts';

/**
 * The segmentations in a folder with its subfolders, a zip, or the one file that `path` is. Images of their sources
 * are read where they lie there too.
 * @throws as seriesFilesIn does
 */
export async function* filedResults(path: string, signal: AbortSignal): AsyncGenerator<Candidate, void, undefined> {
  const byRun = new Map<string, Uint8Array[]>();
  const others: Uint8Array[] = [];
  for await (const { file, header } of seriesFilesIn(path, signal)) {
    if (header.modality !== 'SEG') continue;
    const seg = await file.read();
    const run = aboutSegmentation(seg)?.provenance.runId;
    if (run === undefined) others.push(seg);
    else byRun.set(run, [...(byRun.get(run) ?? []), seg]);
  }
  // What is no result is looked at where there is nothing else, so that a person hears what is wrong with it.
  const found = byRun.size > 0 ? [...byRun.values()] : others.map((seg) => [seg]);
  for (const segs of found) {
    yield { segs, sourceImages: (source) => imagesAt(path, source.sopInstanceUids, signal) };
  }
}

async function imagesAt(path: string, uids: readonly string[], signal: AbortSignal): Promise<Dataset[]> {
  const wanted = new Set([uids[0], uids.at(-1)]);
  const images: Dataset[] = [];
  for await (const { file, header } of seriesFilesIn(path, signal)) {
    if (wanted.delete(header.sopInstanceUid ?? '')) images.push(parseInstance(await file.read()).dataset);
  }
  return images;
}
