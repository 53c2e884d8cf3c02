import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FindingsDocument, findingsSchema } from './findings/schema.ts';
import { maskPngs } from './reports/masks.ts';
import { labelMapNifti } from './reports/nifti.ts';
import { OBJECT_FILES, objectsToStore, type ResultObjects } from './reports/objects.ts';
import type { PlainFile } from './reports/options.ts';
import type { LabelMap } from './volume/volume.ts';

/** The files of a run in its folder. */
export const FILES = { ...OBJECT_FILES, findings: 'findings.json' } as const;

/** A whole result, as it is written. */
export interface WholeResult {
  readonly objects: ResultObjects;
  readonly segments: LabelMap<Uint16Array>;
  readonly findings: FindingsDocument;
  readonly plainFiles: readonly PlainFile[];
}

/** Writes a result into its folder. The findings come last, so that they stand for a complete set. */
export async function writeResult(outDir: string, result: WholeResult): Promise<void> {
  // What an attempt that broke off has left behind is no part of this result.
  await rm(outDir, { recursive: true, force: true });
  for (const kind of result.plainFiles) await writePlainFiles(outDir, kind, result.segments);
  await writeWhole(outDir, result.objects.files);
  await writeFindings(outDir, result.findings);
}

export async function writeFindings(outDir: string, findings: FindingsDocument): Promise<void> {
  await writeWhole(outDir, { [FILES.findings]: `${JSON.stringify(findings, null, 2)}\n` });
}

/** The findings of a complete result; null where there is none. */
export async function readFindings(outDir: string): Promise<FindingsDocument | null> {
  const text = await readFile(join(outDir, FILES.findings), 'utf8').catch(() => null);
  return text === null ? null : findingsSchema.parse(JSON.parse(text));
}

/** The objects of a folder that belong into the archive: names of those that come first, and of the SR. */
export async function objectsIn(outDir: string): Promise<ReturnType<typeof objectsToStore>> {
  return objectsToStore(await readdir(outDir, { recursive: true }));
}

/** Each file appears whole or not at all, in the order given. */
async function writeWhole(outDir: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const unfinished = join(outDir, `${name}.part`);
    await mkdir(dirname(unfinished), { recursive: true });
    try {
      await writeFile(unfinished, content, { flush: true });
      await rename(unfinished, join(outDir, name));
    } finally {
      await rm(unfinished, { force: true });
    }
  }
}

async function writePlainFiles(outDir: string, kind: PlainFile, segments: LabelMap<Uint16Array>): Promise<void> {
  if (kind === 'nifti') return writeWhole(outDir, { 'labels.nii.gz': await labelMapNifti(segments) });
  for (const [folder, of] of [
    ['mask', 'lesions'],
    ['mask-liver', 'liver'],
  ] as const) {
    await mkdir(join(outDir, folder), { recursive: true });
    for (const [name, content] of maskPngs(segments, of)) await writeFile(join(outDir, folder, name), content);
  }
}
