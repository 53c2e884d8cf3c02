import { basename } from 'node:path';
import { Refusal } from '../refusal.ts';
import { DICOMDIR, readSeriesHeader, type SeriesHeader } from './header.ts';
import { filesIn } from './source.ts';
import type { SourceFile } from './source-file.ts';

/** A DICOM file of a series. */
export interface SeriesFile {
  readonly file: SourceFile;
  readonly header: SeriesHeader & { readonly seriesInstanceUid: string };
}

/** Headers are a few KiB as a rule; what is longer costs a second look at the file. */
const USUAL_HEADER_BYTES = 32 * 1024;

/**
 * The DICOM files of one series in a folder, a zip or a single file, or of all series when none is named; each is read when
 * it is asked for.
 * @throws as seriesFilesIn does; Refusal 'no-such-series' when the named one is not there
 */
export async function* readFiles(
  path: string,
  options: { readonly seriesInstanceUid?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { seriesInstanceUid, signal } = options;
  let found = 0;
  for await (const { file, header } of seriesFilesIn(path, signal)) {
    if (seriesInstanceUid !== undefined && header.seriesInstanceUid !== seriesInstanceUid) continue;
    found += 1;
    yield await file.read();
  }
  if (found === 0) {
    throw new Refusal('no-such-series', `There is no series ${seriesInstanceUid} in ${basename(path)}.`);
  }
}

/**
 * The DICOM files in a folder with its subfolders, in a zip, or the one that `path` is, with their headers.
 * What is no DICOM is passed over, and so is a DICOMDIR.
 * @throws UnreadableInput for a path that does not exist; Refusal 'not-dicom' when there is no such file at all,
 * 'corrupt-instance' or 'missing-uid' when one's series cannot be told, 'unreadable-zip'
 */
export async function* seriesFilesIn(path: string, signal?: AbortSignal): AsyncGenerator<SeriesFile, void, undefined> {
  let found = 0;
  for await (const file of filesIn(path)) {
    signal?.throwIfAborted();
    const header = await headerOf(file);
    if (header === null) continue;
    found += 1;
    yield { file, header };
  }
  if (found === 0) throw new Refusal('not-dicom', `There is no DICOM image in ${basename(path)}.`);
}

async function headerOf(file: SourceFile): Promise<SeriesFile['header'] | null> {
  const first = readSeriesHeader(await file.head(USUAL_HEADER_BYTES));
  const header = first === 'cut-off' && file.bytes > USUAL_HEADER_BYTES ? readSeriesHeader(await file.read()) : first;
  if (header === 'not-dicom') return null;
  // It may be a slice of the series: to leave it out without a word would change the volume.
  if (header === 'cut-off') {
    throw new Refusal('corrupt-instance', `The DICOM file ${file.name} is damaged: its header cannot be read.`);
  }
  const { seriesInstanceUid, sopClassUid } = header;
  if (sopClassUid === DICOMDIR) return null;
  if (seriesInstanceUid !== null) return { ...header, seriesInstanceUid };
  throw new Refusal(
    'missing-uid',
    `The DICOM file ${file.name} has no Series Instance UID, so its series is not known.`,
  );
}
