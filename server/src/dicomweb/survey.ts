import { type SeriesFile, seriesFilesIn } from './files.ts';

/** Enhanced and Legacy Converted Enhanced CT Image Storage: PS3.4 table B.5-1. */
const ENHANCED_CT: ReadonlySet<string> = new Set(['1.2.840.10008.5.1.4.1.1.2.1', '1.2.840.10008.5.1.4.1.1.2.2']);

/** A series in a folder or zip; null is what its headers do not say. */
export interface SeriesInFiles {
  readonly studyInstanceUid: string | null;
  readonly seriesInstanceUid: string;
  readonly modality: string | null;
  readonly description: string | null;
  /** Whether it holds an enhanced image, whose slices are frames of one instance. */
  readonly multiFrame: boolean;
  /** SOP Instance UIDs, each once, in the order of the files. */
  readonly instances: readonly string[];
  /** Number of its files: more than its instances when one is there twice. */
  readonly files: number;
}

/**
 * The series in a folder, a zip or a single file, in the order in which they are met. Reads the headers only.
 * @throws as seriesFilesIn does
 */
export async function surveyFiles(
  path: string,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<SeriesInFiles[]> {
  const headers = new Map<string, SeriesFile['header'][]>();
  for await (const { header } of seriesFilesIn(path, signal)) {
    const known = headers.get(header.seriesInstanceUid);
    if (known) known.push(header);
    else headers.set(header.seriesInstanceUid, [header]);
  }
  return Array.from(headers, ([seriesInstanceUid, of]) => ({
    studyInstanceUid: of[0]?.studyInstanceUid ?? null,
    seriesInstanceUid,
    modality: of[0]?.modality ?? null,
    description: of[0]?.description ?? null,
    multiFrame: of.some(({ sopClassUid }) => ENHANCED_CT.has(sopClassUid ?? '')),
    instances: [...new Set(of.flatMap((header) => header.sopInstanceUid ?? []))],
    files: of.length,
  }));
}
