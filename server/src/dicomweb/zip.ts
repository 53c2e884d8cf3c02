import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { Refusal } from '../refusal.ts';
import type { SourceFile } from './source-file.ts';

/** Far above any series, far below what a small file made with bad intent can unpack to. */
const MOST_ENTRIES = 200_000;
const LARGEST_ENTRY_BYTES = 1024 ** 3;
const MOST_UNPACKED_BYTES = 16 * 1024 ** 3;

/** Names are taken as bytes: yauzl refuses some that it would be dangerous to write to, but nothing is written here. */
const OPTIONS = { autoClose: false, lazyEntries: true, decodeStrings: false };

/** Whether the file begins as a zip does: with a local file header, or, when empty, with the end of the directory. */
export async function isZip(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
  const signature = buffer.toString('latin1', 0, bytesRead);
  return signature === 'PK\x03\x04' || signature === 'PK\x05\x06';
}

/**
 * The files in a zip, unpacked one at a time and only as far as they are read; nothing is written to disk.
 * @throws Refusal when the zip is damaged, encrypted, or unpacks to more than a series can be
 */
export async function* filesInZip(path: string): AsyncGenerator<SourceFile, void, undefined> {
  const zip = await whole(path, () => openPromise(path, OPTIONS));
  let unpacked = 0;
  const account = (bytes: number): void => {
    unpacked += bytes;
    if (unpacked > MOST_UNPACKED_BYTES) throw tooMuch(path, MOST_UNPACKED_BYTES);
  };
  try {
    if (zip.entryCount > MOST_ENTRIES) {
      throw refusal(path, `holds ${zip.entryCount} files, more than ${MOST_ENTRIES}`, { files: zip.entryCount });
    }
    const entries = zip.eachEntry();
    for (;;) {
      const next = await whole(path, () => entries.next());
      if (next.done) return;
      const entry = next.value;
      if (!nameOf(entry).endsWith('/')) yield fileOf(zip, entry, path, account);
    }
  } finally {
    zip.close();
  }
}

function fileOf(zip: ZipFile, entry: Entry, path: string, account: (bytes: number) => void): SourceFile {
  const unpack = (bytes: number): Promise<Buffer> => {
    if (entry.isEncrypted()) throw refusal(path, 'is encrypted');
    if (!entry.canDecodeFileData())
      throw refusal(path, `is packed by a method (${entry.compressionMethod}) that is not read`);
    account(bytes);
    return whole(path, () => firstBytes(zip, entry, bytes));
  };
  return {
    name: basename(nameOf(entry)),
    bytes: entry.uncompressedSize,
    head: async (bytes) => unpack(Math.min(bytes, entry.uncompressedSize)),
    read: async () => {
      if (entry.uncompressedSize > LARGEST_ENTRY_BYTES) throw tooMuch(path, LARGEST_ENTRY_BYTES);
      const content = await unpack(entry.uncompressedSize);
      if (crc32(content) !== entry.crc32) throw damaged(path);
      return content;
    },
  };
}

/** Its path inside the zip; some packers on Windows write backslashes. */
function nameOf(entry: Entry): string {
  return entry.fileNameRaw.toString('utf8').replaceAll('\\', '/');
}

async function firstBytes(zip: ZipFile, entry: Entry, bytes: number): Promise<Buffer> {
  const content = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  const stream = await zip.openReadStreamPromise(entry);
  // Reading to the stream's end, not to the last byte, lets yauzl check the entry's size.
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    filled += chunk.copy(content, filled);
    if (filled === bytes && bytes < entry.uncompressedSize) break;
  }
  return content.subarray(0, filled);
}

/** Whatever goes wrong inside a zip means that it is not whole. */
async function whole<T>(path: string, access: () => Promise<T>): Promise<T> {
  try {
    return await access();
  } catch (error) {
    throw error instanceof Refusal ? error : damaged(path);
  }
}

function damaged(path: string): Refusal {
  return refusal(path, 'is damaged or incomplete');
}

function tooMuch(path: string, bytes: number): Refusal {
  return refusal(path, `unpacks to more than ${bytes / 1024 ** 3} GiB`, { limitBytes: bytes });
}

function refusal(path: string, what: string, figures: Record<string, number> = {}): Refusal {
  return new Refusal('unreadable-zip', `The zip ${basename(path)} ${what}.`, figures);
}
