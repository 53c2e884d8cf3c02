import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { derivedUid } from '../../../server/src/dicom/uid.ts';
import { writeCtImage } from '../../../server/src/phantom/ct-image.ts';
import { layOut } from '../../../server/src/phantom/geometry.ts';
import { makeScanner } from '../../../server/src/phantom/scanner.ts';
import { makePhantomSeries } from '../../../server/src/phantom/series.ts';
import type { CtSeries } from '../../../server/src/volume/series.ts';
import type { Volume } from '../../../server/src/volume/volume.ts';
import { seriesFrom } from '../../unit/inference/scene.ts';

/** Of the seeds from 1 to 14 the patient whose liver is nearest to 1.5 l: 1,495 ml. */
const SEED = 3;
const SCANNED = 300;
const PLANE = { rows: 512, columns: 512, pixelSpacingMm: [0.7, 0.7], sliceSpacingMm: 1 } as const;
const PIXELS = 512 * 512;
const UNCOMPRESSED = { signed: true, bitsStored: 16, rescaleIntercept: 0, rescaleSlope: 1 };
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The CT of the benchmarks: 0.7 x 0.7 x 1 mm, the same patient in scans of any length about the liver's middle. */
export interface BenchCt {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly slices: number;
  files(): Generator<Uint8Array>;
}

/** Slices beyond those that the scanner made repeat the outermost: the same liver in a longer scan. */
export async function benchCt(slices: number): Promise<BenchCt> {
  const { anatomy, hu } = await scanned();
  const geometry = layOut({ ...PLANE, slices }, anatomy.centreMm);
  const uid = (...parts: string[]) => derivedUid('hepar', 'bench', String(slices), ...parts);
  const uids = {
    studyInstanceUid: uid('study'),
    seriesInstanceUid: uid('series'),
    frameOfReferenceUid: uid('frame of reference'),
  };
  return {
    ...uids,
    slices,
    *files() {
      for (let k = 0; k < slices; k++) {
        yield writeCtImage(Float32Array.from(sliceOf(hu, k, slices)), {
          ...uids,
          sopInstanceUid: uid('instance', String(k)),
          instanceNumber: k + 1,
          positionMm: geometry.positionsMm[k]!,
          geometry,
          pixelFormat: UNCOMPRESSED,
          patientId: `HEPAR-BENCH-${slices}`,
          attributes: {},
          raw: [],
        });
      }
    },
  };
}

/** The same, assembled. */
export async function benchSeries(slices = SCANNED): Promise<CtSeries> {
  const { anatomy, hu } = await scanned();
  const all = new Int16Array(slices * PIXELS);
  for (let k = 0; k < slices; k++) all.set(sliceOf(hu, k, slices), k * PIXELS);
  return seriesFrom(layOut({ ...PLANE, slices }, anatomy.centreMm).grid, all);
}

/** HU of slice k of a scan about the middle of the one that was made. */
function sliceOf(hu: Int16Array, k: number, slices: number): Int16Array {
  const from = Math.min(Math.max(k + (SCANNED - slices) / 2, 0), SCANNED - 1);
  return hu.subarray(from * PIXELS, (from + 1) * PIXELS);
}

export async function benchVolume(): Promise<Volume> {
  const { anatomy, hu } = await scanned();
  return { grid: layOut({ ...PLANE, slices: SCANNED }, anatomy.centreMm).grid, hu };
}

/** HU of the 300 slices. Scanning takes a minute, so they are kept until the phantom's code changes. */
async function scanned() {
  const { anatomy, geometry } = makePhantomSeries({ seed: SEED, geometry: { ...PLANE, slices: SCANNED } });
  const code = createHash('sha256');
  for (const file of globSync(join(ROOT, 'server/src/phantom/*.ts')).sort()) code.update(readFileSync(file));
  const kept = join(ROOT, '.data', 'bench', `phantom-${SEED}-${code.digest('hex').slice(0, 16)}.hu`);
  const found = await readFile(kept).catch(() => null);
  if (found) return { anatomy, hu: new Int16Array(found.buffer, found.byteOffset, found.byteLength / 2) };
  process.stderr.write('bench: scanning the phantom, once …\n');
  const scan = makeScanner(anatomy, geometry, 11);
  const hu = new Int16Array(SCANNED * PIXELS);
  for (let k = 0; k < SCANNED; k++) hu.set(scan(k).hu.map(Math.round), k * PIXELS);
  await mkdir(join(ROOT, '.data', 'bench'), { recursive: true });
  await writeFile(`${kept}.part`, hu);
  await rename(`${kept}.part`, kept);
  return { anatomy, hu };
}
