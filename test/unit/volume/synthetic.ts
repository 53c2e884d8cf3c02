import type { Dataset, Tag } from '../../../server/src/dicom/dataset.ts';
import type { Instance } from '../../../server/src/dicom/instance.ts';
import { toPatient } from '../../../server/src/volume/geometry.ts';
import type { Grid, Vec3 } from '../../../server/src/volume/volume.ts';

/** Values of a dataset's elements; null is present and empty. */
export type Attributes = Readonly<
  Record<Tag, string | number | null | readonly (string | number)[] | readonly Attributes[]>
>;

export function dataset(attributes: Attributes): Dataset {
  const values = (tag: Tag): readonly (string | number | Attributes)[] => {
    const value = attributes[tag];
    if (value === undefined || value === null) return [];
    return Array.isArray(value) ? value : [value as string | number];
  };
  const plain = (tag: Tag) => values(tag).filter((value) => typeof value !== 'object');
  return {
    has: (tag) => tag in attributes,
    text: (tag) => (plain(tag)[0] === undefined ? null : String(plain(tag)[0])),
    texts: (tag) => plain(tag).map(String),
    number: (tag) => plain(tag).map(Number)[0] ?? null,
    numbers: (tag) => plain(tag).map(Number),
    items: (tag) => values(tag).flatMap((value) => (typeof value === 'object' ? [dataset(value)] : [])),
    raw: (tag) =>
      tag in attributes
        ? { tag, vr: DECIMAL_STRINGS.has(tag) ? 'DS' : 'UN', value: new TextEncoder().encode(plain(tag).join('\\')) }
        : null,
  };
}

const DECIMAL_STRINGS = new Set(['00180050', '00200032', '00200037', '00280030', '00281052', '00281053']);

export const CT_IMAGE = '1.2.840.10008.5.1.4.1.1.2';
export const ENHANCED_CT_IMAGE = '1.2.840.10008.5.1.4.1.1.2.1';

/** What a test changes in one instance: attributes (undefined removes one), or the instance itself. */
export interface Change {
  readonly attributes?: Readonly<Record<Tag, Attributes[Tag] | undefined>>;
  readonly instance?: Partial<Instance>;
}

export interface SeriesOptions {
  /** HU as a function of the patient position (mm); kept between -1000 and 3000. */
  readonly hu?: (positionMm: Vec3) => number;
  /** Rescale of the k-th slice; stored = (HU - intercept) / slope. */
  readonly rescale?: (k: number) => { slope: number; intercept: number };
  readonly change?: (k: number) => Change;
}

/** A field that differs along every direction, so that no flip, swap or shift of axes goes unseen. */
export function rampHu([x, y, z]: Vec3): number {
  return Math.round(2 * x + 3 * y + 5 * z);
}

/** One stored slice a k of the grid: single-frame CT images, in the order of k. The grid's axes may be left-handed. */
export function ctImages(grid: Grid, options: SeriesOptions = {}): Instance[] {
  return Array.from({ length: grid.shape[2] }, (_, k) => {
    const { slope, intercept } = options.rescale?.(k) ?? { slope: 1, intercept: -1024 };
    const { attributes = {}, instance = {} } = options.change?.(k) ?? {};
    const stored = storedSlice(grid, k, slope, intercept, options.hu ?? rampHu);
    const all = {
      ...imageAttributes(grid, k + 1),
      '00200032': decimals(toPatient(grid, [0, 0, k])),
      '00200037': decimals([...grid.axes[0], ...grid.axes[1]]),
      '00280030': [grid.spacingMm[1], grid.spacingMm[0]],
      '00180050': grid.spacingMm[2],
      '00281052': intercept,
      '00281053': slope,
      ...attributes,
    };
    const kept = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Attributes;
    return {
      sopClassUid: CT_IMAGE,
      sopInstanceUid: `1.2.3.4.${k + 1}`,
      transferSyntaxUid: '1.2.840.10008.1.2.1',
      dataset: dataset(kept),
      frames: 1,
      storedValues: async () => stored,
      ...instance,
    };
  });
}

/** The same slices as frames of one enhanced CT image, stored in the given order of k. */
export function enhancedCt(
  grid: Grid,
  order: readonly number[],
  frameChange: (k: number) => Attributes = () => ({}),
  change: Attributes = {},
): Instance {
  const stored = order.map((k) => storedSlice(grid, k, 1, -1024, rampHu));
  return {
    sopClassUid: ENHANCED_CT_IMAGE,
    sopInstanceUid: '1.2.3.4.100',
    transferSyntaxUid: '1.2.840.10008.1.2.1',
    dataset: dataset({
      ...imageAttributes(grid, 1),
      '52009229': [
        {
          '00209116': [{ '00200037': decimals([...grid.axes[0], ...grid.axes[1]]) }],
          '00289110': [{ '00280030': [grid.spacingMm[1], grid.spacingMm[0]], '00180050': grid.spacingMm[2] }],
          '00289145': [{ '00281052': -1024, '00281053': 1, '00281054': 'HU' }],
          '00189325': [{ '00180060': 120 }],
          '00189329': [{ '00089007': ['ORIGINAL', 'PRIMARY', 'VOLUME', 'NONE'] }],
        },
      ],
      '52009230': order.map((k) => ({
        '00209113': [{ '00200032': decimals(toPatient(grid, [0, 0, k])) }],
        ...frameChange(k),
      })),
      ...change,
    }),
    frames: order.length,
    storedValues: async (frame) => stored[frame]!,
  };
}

function imageAttributes(grid: Grid, instanceNumber: number): Attributes {
  return {
    '00080008': ['ORIGINAL', 'PRIMARY', 'AXIAL'],
    '00080060': 'CT',
    '00100020': 'PHANTOM',
    '00180010': 'agent',
    '00180060': 120,
    '0020000d': '1.2.3',
    '0020000e': '1.2.3.4',
    '00200010': 'study',
    '00200011': 3,
    '00200012': 1,
    '00200013': instanceNumber,
    '00200052': '1.2.3.5',
    '00280002': 1,
    '00280004': 'MONOCHROME2',
    '00280010': grid.shape[1],
    '00280011': grid.shape[0],
    '00280103': 0,
  };
}

/** As decimal strings hold them: at most 16 characters. */
function decimals(values: readonly number[]): number[] {
  return values.map((value) => Number(value.toFixed(9)));
}

function storedSlice(
  grid: Grid,
  k: number,
  slope: number,
  intercept: number,
  hu: (positionMm: Vec3) => number,
): Uint16Array {
  const [nx, ny] = grid.shape;
  return Uint16Array.from({ length: nx * ny }, (_, at) => {
    const value = hu(toPatient(grid, [at % nx, Math.floor(at / nx), k]));
    return Math.round((Math.min(3000, Math.max(-1000, value)) - intercept) / slope);
  });
}

export async function* stream<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}
