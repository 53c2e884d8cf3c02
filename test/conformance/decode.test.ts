import { deepStrictEqual, ok } from 'node:assert';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { parseInstance } from '../../server/src/dicom/parse.ts';
import { type Encoder, LOSSLESS, LOSSY } from './encoders.ts';
import { python } from './seg-support.ts';

const DATA = process.env.HEPAR_TEST_DATA;

/** One file, read by us and by a reference: what its pixels should be. */
interface Comparison {
  readonly file: string;
  readonly syntax: string;
  readonly reference: 'known by construction' | 'gdcm and pydicom' | 'the uncompressed file';
  readonly values: number;
  readonly largestDifference: number;
}

describe('decoding pixels', () => {
  let folder: string;
  let sources: string[];
  const table: Comparison[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hepar-decode-'));
    sources = (await python('decode_reference.py', 'make', folder)) as string[];
  });

  after(async () => {
    process.stdout.write(tableOf(table));
    await rm(folder, { recursive: true, force: true });
  });

  function keep(comparison: Omit<Comparison, 'values' | 'largestDifference'>, ours: number[], expected: number[]) {
    const largestDifference = largest(ours, expected);
    table.push({ ...comparison, values: ours.length, largestDifference });
    return largestDifference;
  }

  describe('made in every pixel format, whose values are known', () => {
    it('uncompressed: cut out of the cell, masked and sign-extended', async () => {
      const differences: Record<string, number> = {};
      for (const name of sources) {
        const ours = await storedValues(await readFile(join(folder, `${name}.dcm`)));
        differences[name] = keep(
          { file: name, syntax: 'explicit', reference: 'known by construction' },
          ours,
          raw(join(folder, `${name}.i32`)),
        );
      }
      deepStrictEqual(differences, zeros(sources));
    });

    for (const encoder of LOSSLESS) {
      it(`${encoder.name}: not one value differs`, async () => {
        const differences: Record<string, number> = {};
        for (const [name, file] of await encodeAll(encoder)) {
          differences[name] = keep(
            { file: name, syntax: encoder.name, reference: 'known by construction' },
            await storedValues(await readFile(file)),
            raw(join(folder, `${name}.i32`)),
          );
        }
        ok(Object.keys(differences).length >= 8, 'the encoder refused nearly all');
        deepStrictEqual(differences, zeros(Object.keys(differences)));
      });
    }

    it('HTJ2K: OpenJPEG reads the same out of what OpenJPH made', async () => {
      const differences: Record<string, number> = {};
      for (const encoder of LOSSLESS.filter((candidate) => candidate.name.startsWith('HTJ2K'))) {
        const files = new Map([...(await encodeAll(encoder))].filter(([name]) => !/above|high bit/.test(name)));
        const references = await readByOthers([...files.values()]);
        for (const [name, file] of files) {
          const known = raw(join(folder, `${name}.i32`));
          differences[`${encoder.name} ${name}`] = largest(references.get(file) ?? [], known);
        }
      }
      deepStrictEqual(differences, zeros(Object.keys(differences)));
    });

    for (const encoder of LOSSY) {
      it(`${encoder.name}: as another decoder has it`, async () => {
        const files = await encodeAll(encoder);
        const references = await readByOthers([...files.values()]);
        const differences: Record<string, number> = {};
        for (const [name, file] of files) {
          const expected = references.get(file);
          if (!expected) continue;
          differences[name] = keep(
            { file: name, syntax: encoder.name, reference: 'gdcm and pydicom' },
            await storedValues(await readFile(file)),
            expected,
          );
        }
        ok(Object.keys(differences).length > 0, 'no file to compare');
        ok(Math.max(...Object.values(differences)) <= TOLERANCE, JSON.stringify(differences));
      });
    }
  });

  async function encodeAll(encoder: Encoder): Promise<Map<string, string>> {
    const target = join(folder, encoder.name.replaceAll(/\W+/g, '-'));
    await mkdir(target, { recursive: true });
    const files = new Map<string, string>();
    for (const name of sources) {
      // gdcm's encoders write High Bit anew without moving the values.
      if (encoder.name.includes('gdcm') && name.includes('high bit')) continue;
      // What stands beside the value in its cell would drown the value.
      if (!encoder.lossless && /above|high bit/.test(name)) continue;
      const to = join(target, `${name}.dcm`);
      const made = await encoder.encode(join(folder, `${name}.dcm`), to).then(
        () => true,
        () => false,
      );
      if (made && existsSync(to)) files.set(name, to);
    }
    return files;
  }

  async function readByOthers(files: readonly string[]): Promise<Map<string, number[]>> {
    const pairs = files.map((file, index) => [file, join(folder, `reference-${basename(file)}-${index}.i32`)] as const);
    const list = join(folder, 'list.json');
    await writeFile(list, JSON.stringify(pairs));
    const failed = (await python('decode_reference.py', 'read', list)) as Record<string, string>;
    return new Map(pairs.filter(([file]) => !(file in failed)).map(([file, out]) => [file, raw(out)]));
  }

  describe('published test files', () => {
    before(function () {
      if (!DATA) this.skip();
    });

    it('reads a slice of an abdomen as its uncompressed original, however it is compressed', async () => {
      const original = join(DATA!, 'hcc-tace-015/portal-venous/1-30.dcm');
      const expected = await storedValues(await readFile(original));
      // By default one encoder of each codec.
      const chosen = LOSSLESS.filter(({ name }) => process.env.HEPAR_TEST_FULL || ONE_OF_EACH.test(name));
      const differences: Record<string, number> = {};
      for (const { name, encode } of chosen) {
        const to = join(folder, 'slice.dcm');
        await encode(original, to);
        const ours = await storedValues(await readFile(to));
        differences[name] = keep(
          { file: basename(original), syntax: name, reference: 'the uncompressed file' },
          ours,
          expected,
        );
      }
      ok(chosen.length >= 5);
      deepStrictEqual(differences, zeros(chosen.map(({ name }) => name)));
    });

    it('reads the WG04 slices as their uncompressed originals, and the lossy ones as others do', async () => {
      const root = join(DATA!, 'transfer-syntaxes/WG04');
      const originals = new Map<string, number[]>();
      for (const slice of ['CT1', 'CT2']) {
        const original = zstdDecompressSync(await readFile(join(root, `REF/${slice}_UNC.zst`)));
        originals.set(slice, await storedValues(original));
      }
      const files = ['J2KI', 'J2KR', 'JLSL', 'JLSN', 'JPLL', 'RLE'].flatMap((kind) =>
        ['CT1', 'CT2'].map((slice) => join(root, kind, `${slice}_${kind}`)),
      );
      const references = await readByOthers(files);
      const differences: Record<string, number> = {};
      for (const file of files) {
        const [slice = '', kind = ''] = basename(file).split('_');
        const lossy = kind === 'J2KI' || kind === 'JLSN';
        differences[basename(file)] = keep(
          { file: basename(file), syntax: kind, reference: lossy ? 'gdcm and pydicom' : 'the uncompressed file' },
          await storedValues(await readFile(file)),
          lossy ? references.get(file)! : originals.get(slice)!,
        );
      }
      deepStrictEqual(differences, zeros(files.map((file) => basename(file))));
    });

    it('reads every grey image of pydicom as gdcm and pydicom do', async () => {
      const root = join(DATA!, 'transfer-syntaxes/pydicom');
      const files = (await readdir(root)).filter((name) => name.endsWith('.dcm')).map((name) => join(root, name));
      const grey = files.filter((file) => isGrey(readFileSync(file)));
      const references = await readByOthers(grey);
      const differences: Record<string, number> = {};
      for (const [file, expected] of references) {
        differences[basename(file)] = keep(
          {
            file: basename(file),
            syntax: parseInstance(readFileSync(file)).transferSyntaxUid,
            reference: 'gdcm and pydicom',
          },
          await storedValues(await readFile(file)),
          expected,
        );
      }
      ok(references.size >= 20, `only ${references.size} files compared`);
      deepStrictEqual(differences, zeros(Object.keys(differences)));
    });
  });
});

const ONE_OF_EACH = /^(RLE|JPEG-LS|JPEG 2000) \(gdcm\)|\.57, predictor 4|\.201/;

/** Of lossy syntaxes: decoders round differently, by up to this of 65536 steps. */
const TOLERANCE = 2;

function isGrey(file: Uint8Array): boolean {
  try {
    const { dataset, frames } = parseInstance(file);
    return frames > 0 && dataset.number('00280002') === 1 && dataset.number('00280100')! >= 8;
  } catch {
    return false;
  }
}

async function storedValues(file: Uint8Array): Promise<number[]> {
  const instance = parseInstance(file);
  const values: number[] = [];
  for (let frame = 0; frame < instance.frames; frame++) {
    for (const value of await instance.storedValues(frame)) values.push(value);
  }
  return values;
}

function raw(file: string): number[] {
  const bytes = readFileSync(file);
  return [...new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))];
}

/** Infinity when there are more of one than of the other. */
function largest(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((most, value, n) => Math.max(most, Math.abs(value - b[n]!)), 0);
}

const zeros = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 0]));

function tableOf(rows: readonly Comparison[]): string {
  const lines = rows.map(
    ({ file, syntax, reference, values, largestDifference }) =>
      `${syntax.padEnd(60)} ${file.padEnd(42)} ${String(values).padStart(8)} ${String(largestDifference).padStart(4)}  ${reference}`,
  );
  if (process.env.HEPAR_TEST_FULL)
    return `\nsyntax, file, values, largest difference, reference\n${lines.join('\n')}\n`;
  const most = rows.reduce((found, { largestDifference }) => Math.max(found, largestDifference), 0);
  return `\n${rows.length} files decoded and compared, largest difference ${most}\n`;
}
