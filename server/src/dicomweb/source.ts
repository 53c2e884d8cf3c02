import { open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { SourceFile } from './source-file.ts';
import { filesInZip, isZip } from './zip.ts';

/** A path that does not exist or cannot be read: one line for a person. */
export class UnreadableInput extends Error {
  override readonly name = 'UnreadableInput';
}

/**
 * Every file under `path`, one after the other: of a folder with its subfolders in the order of their names, of a zip,
 * or the one file that `path` is.
 * @throws UnreadableInput; Refusal for a zip that is damaged or encrypted
 */
export async function* filesIn(path: string): AsyncGenerator<SourceFile, void, undefined> {
  const found = await readable(() => stat(path), path);
  if (found.isDirectory()) yield* filesInFolder(path, new Set());
  else if (!found.isFile()) throw new UnreadableInput(`${path} is neither a file nor a folder.`);
  else if (await readable(() => isZip(path), path)) yield* filesInZip(path);
  else yield fileAt(path, found.size);
}

/** @param visited real paths of the folders that were entered already: links may lead in a circle */
async function* filesInFolder(folder: string, visited: Set<string>): AsyncGenerator<SourceFile, void, undefined> {
  const real = await readable(() => realpath(folder), folder);
  if (visited.has(real)) return;
  visited.add(real);
  const names = await readable(() => readdir(folder), folder);
  for (const name of names.sort((a, b) => (a < b ? -1 : 1))) {
    const path = join(folder, name);
    // A link to nothing is a slice that is missing: that must not pass unnoticed.
    const found = await readable(() => stat(path), path);
    if (found.isDirectory()) yield* filesInFolder(path, visited);
    else if (found.isFile()) yield fileAt(path, found.size);
  }
}

function fileAt(path: string, size: number): SourceFile {
  return {
    name: basename(path),
    bytes: size,
    read: () => readable(() => readFile(path), path),
    head: (bytes) =>
      readable(async () => {
        await using file = await open(path);
        const buffer = Buffer.alloc(Math.min(bytes, size));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
        return buffer.subarray(0, bytesRead);
      }, path),
  };
}

async function readable<T>(access: () => Promise<T>, path: string): Promise<T> {
  try {
    return await access();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UnreadableInput(`There is no file or folder ${path}.`, { cause: error });
    if (code === 'EACCES' || code === 'EPERM') throw new UnreadableInput(`${path} may not be read.`, { cause: error });
    throw new UnreadableInput(`${path} cannot be read (${code ?? 'unknown error'}).`, { cause: error });
  }
}
