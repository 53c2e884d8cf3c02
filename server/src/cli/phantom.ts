import { resolve } from 'node:path';
import { writePhantomFolder } from '../phantom/folder.ts';
import { INSTANCE_ORDERS, PATIENT_POSITIONS } from '../phantom/geometry.ts';
import { MOST_LESIONS } from '../phantom/lesions.ts';
import { makePhantomSeries, type PhantomOptions, SAMPLE_GEOMETRY, SMALL_GEOMETRY } from '../phantom/series.ts';
import type { PhantomTruth } from '../phantom/truth.ts';
import { onInterrupt, parseOrExplain, UsageError } from './failure.ts';
import type { Display } from './progress-display.ts';

const USAGE = `usage: hepar phantom --out DIR [options]

Writes a synthetic CT series of the upper abdomen into DIR/dicom, and what is true of it into DIR/truth.json
and DIR/truth.raw. DIR is new or empty. The same options give the same files.

  --seed N             the patient: a whole number from 0 (default: 1)
  --lesions N          how many lesions in the liver, 0 to 30 (default: 5)
  --diameters MM,...   instead: spherical lesions of these diameters
  --small              128x128x48 instead of 512x512x100
  --size RxCxS         rows, columns, slices
  --spacing RxCxS      mm between rows, columns, slices
  --centre X,Y,Z       middle of the scan in the patient system, mm
  --orientation NAME   ${PATIENT_POSITIONS.join(', ')} (default: HFS)
  --rotate X,Y,Z       turn the slices about the patient's axes, degrees
  --negate WHICH       rows, columns or both: reversed direction cosines
  --order NAME         ${INSTANCE_ORDERS.join(', ')} (default: ascending)
  --noise HU           standard deviation of the noise (default: 11)

The images are made by code and show no patient.
`;

/** `hepar phantom`: writes a CT series with a known liver and known lesions. */
export async function phantomCommand(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  using interrupt = onInterrupt();
  const slices = showSlices(process.stderr);
  try {
    const truth = await writePhantomFolder(makePhantomSeries(options.phantom), options.out, {
      signal: interrupt.signal,
      onSlice: slices.report,
    });
    slices.end();
    process.stdout.write(summary(truth, options.out));
    return 0;
  } finally {
    slices.end();
  }
}

function readOptions(args: string[]): { phantom: PhantomOptions; out: string } | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  if (values.out === undefined) throw new UsageError(`--out DIR is missing.\n${USAGE}`);
  const usual = values.small ? SMALL_GEOMETRY : SAMPLE_GEOMETRY;
  const size = values.size === undefined ? null : numbers('size', values.size, 'x', { from: 1, to: 4096, whole: true });
  const spacing = values.spacing === undefined ? null : numbers('spacing', values.spacing, 'x', { from: 0.05, to: 50 });
  const lesions =
    values.diameters === undefined
      ? one('lesions', values.lesions ?? '5', { from: 0, to: 30, whole: true })
      : list('diameters', values.diameters, { from: 0.1, to: 120 }).map((diameterMm) => ({ diameterMm }));
  if (typeof lesions !== 'number' && lesions.length > MOST_LESIONS) {
    throw new UsageError(`--diameters: at most ${MOST_LESIONS} lesions.`);
  }
  const negate = oneOf('negate', values.negate ?? 'none', ['none', 'rows', 'columns', 'both'] as const);
  return {
    out: resolve(values.out),
    phantom: {
      seed: one('seed', values.seed ?? '1', { from: 0, to: Number.MAX_SAFE_INTEGER, whole: true }),
      lesions,
      noiseSdHu: one('noise', values.noise ?? '11', { from: 0, to: 500 }),
      geometry: {
        ...usual,
        ...(size && { rows: size[0], columns: size[1], slices: size[2] }),
        ...(spacing && { pixelSpacingMm: [spacing[0], spacing[1]] as const, sliceSpacingMm: spacing[2] }),
        ...(values.centre !== undefined && {
          centreMm: numbers('centre', values.centre, ',', { from: -1000, to: 1000 }),
        }),
        patientPosition: oneOf('orientation', values.orientation ?? 'HFS', PATIENT_POSITIONS),
        rotationDeg: numbers('rotate', values.rotate ?? '0,0,0', ',', { from: -180, to: 180 }),
        negateRows: negate === 'rows' || negate === 'both',
        negateColumns: negate === 'columns' || negate === 'both',
        instanceOrder: oneOf('order', values.order ?? 'ascending', INSTANCE_ORDERS),
      },
    },
  };
}

function parse(args: string[]) {
  const text = { type: 'string' } as const;
  return parseOrExplain(USAGE, {
    args,
    options: {
      out: text,
      seed: text,
      lesions: text,
      diameters: text,
      small: { type: 'boolean' },
      size: text,
      spacing: text,
      centre: text,
      orientation: text,
      rotate: text,
      negate: text,
      order: text,
      noise: text,
      help: { type: 'boolean', short: 'h' },
    },
  }).values;
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly whole?: boolean;
}

function one(option: string, text: string, { from, to, whole = false }: Range): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= from && value <= to && (!whole || Number.isInteger(value))) return value;
  throw new UsageError(`--${option}: ${whole ? 'a whole number' : 'a number'} from ${from} to ${to}, not '${text}'.`);
}

const list = (option: string, text: string, range: Range) => text.split(',').map((part) => one(option, part, range));

function numbers(option: string, text: string, separator: string, range: Range): [number, number, number] {
  const values = text.split(separator).map((part) => one(option, part, range));
  if (values.length === 3) return values as [number, number, number];
  throw new UsageError(`--${option}: three numbers with '${separator}' between them, not '${text}'.`);
}

function oneOf<T extends string>(option: string, text: string, names: readonly T[]): T {
  const name = names.find((each) => each === text);
  if (name !== undefined) return name;
  throw new UsageError(`--${option}: one of ${names.join(', ')}, not '${text}'.`);
}

const LINE_EVERY_MS = 5_000;
const REDRAW_MS = 100;

/** One line that is redrawn on a terminal; a line every five seconds in a pipe. */
function showSlices(display: Display) {
  let written = Date.now();
  let drawn = false;
  return {
    report: (done: number, slices: number) => {
      if (Date.now() - written < (display.isTTY ? REDRAW_MS : LINE_EVERY_MS)) return;
      written = Date.now();
      drawn = true;
      display.write(display.isTTY ? `\r\x1b[2Kslice ${done} of ${slices}` : `slice ${done} of ${slices}\n`);
    },
    end: () => {
      if (display.isTTY && drawn) display.write('\r\x1b[2K');
      drawn = false;
    },
  };
}

function summary({ geometry, liver, lesions }: PhantomTruth, out: string): string {
  const rows = lesions.map(
    ({ number, volumeMl, diameterMm, centreMm }) =>
      `  ${String(number).padStart(2)}  ${volumeMl.toFixed(2)} ml  ${diameterMm} mm  at ${centreMm.join(', ')}`,
  );
  return [
    `${geometry.slices} slices of ${geometry.rows} x ${geometry.columns} in ${out}`,
    `Liver ${liver.volumeMl.toFixed(0)} ml, ${lesions.length} lesion${lesions.length === 1 ? '' : 's'}${lesions.length > 0 ? ':' : ''}`,
    ...rows,
    '',
  ].join('\n');
}
