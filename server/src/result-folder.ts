import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FindingsDocument, findingsSchema } from './findings/schema.ts';
import { MASK_FOLDERS, maskPngs } from './reports/masks.ts';
import { labelMapNifti } from './reports/nifti.ts';
import { OBJECT_FILES, objectsToStore, type ResultFile } from './reports/objects.ts';
import type { PlainFile } from './reports/options.ts';
import type { LabelMap } from './volume/volume.ts';

/** The files of a run in its folder. */
export const FILES = { ...OBJECT_FILES, findings: 'findings.json' } as const;

/** What is written of a result before its findings. */
export interface ResultContent {
  readonly objects: Iterable<ResultFile>;
  readonly segments: LabelMap<Uint16Array>;
  readonly plainFiles: readonly PlainFile[];
}

/**
 * Writes all files of a result into its folder but the findings, which come last, so that they stand for a complete set.
 * An object is written before the next is made: only one of them is in memory.
 */
export async function writeObjects(outDir: string, { objects, segments, plainFiles }: ResultContent): Promise<void> {
  // What an attempt that broke off has left behind is no part of this result.
  await rm(outDir, { recursive: true, force: true });
  const plain = Promise.all(plainFiles.map((kind) => writePlainFiles(outDir, kind, segments)));
  // What it throws is thrown where it is waited for.
  plain.catch(() => {});
  try {
    for (const [name, content] of objects) await writeWhole(outDir, name, content);
  } finally {
    await plain;
  }
}

export async function writeFindings(outDir: string, findings: FindingsDocument): Promise<void> {
  await writeWhole(outDir, FILES.findings, `${JSON.stringify(findings, null, 2)}\n`);
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

/** A file appears whole or not at all. */
async function writeWhole(outDir: string, name: string, content: Uint8Array | string): Promise<void> {
  const unfinished = join(outDir, `${name}.part`);
  await mkdir(dirname(unfinished), { recursive: true });
  try {
    await writeFile(unfinished, content, { flush: true });
    await rename(unfinished, join(outDir, name));
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function writePlainFiles(outDir: string, kind: PlainFile, segments: LabelMap<Uint16Array>): Promise<void> {
  if (kind === 'nifti') return writeWhole(outDir, 'labels.nii.gz', await labelMapNifti(segments));
  for (const folder of MASK_FOLDERS) await mkdir(join(outDir, folder), { recursive: true });
  // They are small: the disk takes them while objects are made.
  const writing: Promise<void>[] = [];
  for (const [name, content] of maskPngs(segments)) writing.push(writeFile(join(outDir, name), content));
  await Promise.all(writing);
}
