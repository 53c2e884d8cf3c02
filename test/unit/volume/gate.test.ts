import assert from 'node:assert/strict';
import { CorruptInstance, UnsupportedTransferSyntax } from '../../../server/src/dicom/errors.ts';
import type { Instance } from '../../../server/src/dicom/instance.ts';
import { isUid } from '../../../server/src/dicom/uid.ts';
import { Refusal, type RefusalCode } from '../../../server/src/refusal.ts';
import { assemble } from '../../../server/src/volume/assemble.ts';
import type { Grid, Vec3 } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';
import { type Change, ctImages, enhancedCt, stream } from './synthetic.ts';

const silent = { signal: new AbortController().signal, report: () => {} };
const read = (instances: readonly Instance[]) => assemble(stream(instances), silent, instances.length);

const GRID: Grid = {
  shape: [6, 5, 14],
  spacingMm: [0.7, 0.7, 2.5],
  originMm: [-20, -30, 40],
  axes: AXIAL,
};
const ALL = Array.from({ length: GRID.shape[2] }, (_, k) => k);
const images = (change: (k: number) => Change = () => ({}), grid = GRID) => ctImages(grid, { change });
const only = (at: number, change: Change) => (k: number) => (k === at ? change : {});
const attributes = (tags: NonNullable<Change['attributes']>): Change => ({ attributes: tags });
const LOCALIZER = attributes({
  '00080008': ['ORIGINAL', 'PRIMARY', 'LOCALIZER'],
  '00200037': [0, 1, 0, 0, 0, -1],
  '00200052': '1.2.3.6',
  '00280010': 9,
});

/** One plain line: a whole sentence. */
function assertSentence(message: string): void {
  assert.match(message, /^[A-Z0-9][^\n]{10,198}\.$/);
}

async function refusal(instances: readonly Instance[]): Promise<Refusal> {
  const outcome = await read(instances).then(
    () => assert.fail('the series was accepted'),
    (error: unknown) => error,
  );
  if (!(outcome instanceof Refusal)) throw outcome;
  assertSentence(outcome.message);
  assert.ok(!outcome.message.includes('PHANTOM'), 'the message names the patient');
  return outcome;
}

/** Refused with this code, and a message that holds the words and figures a technologist needs. */
async function refused(instances: readonly Instance[], code: RefusalCode, words: RegExp): Promise<Refusal> {
  const found = await refusal(instances);
  assert.equal(found.code, code, found.message);
  assert.match(found.message, words);
  return found;
}

async function warned(instances: readonly Instance[], code: string, words: RegExp) {
  const series = await read(instances);
  const found = series.warnings.filter((warning) => warning.code === code);
  assert.equal(found.length, 1, `${code} is not among ${series.warnings.map((warning) => warning.code).join(', ')}`);
  assert.match(found[0]!.message, words);
  assertSentence(found[0]!.message);
  assert.equal(series.warnings.length, 1, `more than ${code}: ${series.warnings.map(({ code }) => code).join(', ')}`);
  return series;
}

function moved(at: number, [x, y, z]: Vec3): (k: number) => Change {
  return only(at, attributes({ '00200032': [-20 + x, -30 + y, 40 + 2.5 * at + z] }));
}

describe('gate: what is no CT slice', () => {
  it('another modality is refused before a pixel is decoded', async () => {
    const undecodable = { storedValues: async () => assert.fail('decoded') };
    const mr = images(() => ({ ...attributes({ '00080060': 'MR' }), instance: undecodable }));
    const { figures } = await refused(mr, 'not-ct', /is MR, not CT/);
    assert.equal(figures.modality, 'MR');
    const unnamed = { sopClassUid: '1.2.840.10008.5.1.4.1.1.4', ...undecodable };
    await refused(
      images(() => ({ ...attributes({ '00080060': undefined }), instance: unnamed })),
      'not-ct',
      /no CT images/,
    );
  });

  it('CT images without a modality are CT', async () => {
    await read(images(() => attributes({ '00080060': undefined })));
  });

  it('localizers alone', async () => {
    await refused(images(() => LOCALIZER).slice(0, 2), 'localizer-only', /only 2 localizers, no CT slices/);
  });

  it('captures alone, grey or colour', async () => {
    const capture = { instance: { sopClassUid: '1.2.840.10008.5.1.4.1.1.7' } };
    await refused(images(() => capture).slice(0, 3), 'no-image', /only 3 screen captures/);
    const colour = attributes({ '00280004': 'RGB', '00280002': 3 });
    await refused(
      images(() => colour),
      'colour',
      /only 14 colour pictures/,
    );
    const all = [
      ...images(() => capture).slice(0, 3),
      ...images(() => colour).slice(0, 1),
      ...images(() => LOCALIZER).slice(0, 1),
    ];
    await refused(all, 'localizer-only', /only 1 localizer and 4 screen captures/);
  });

  it('nothing at all', async () => {
    await refused([], 'no-image', /no images/);
  });

  it('an image without pixels', async () => {
    await refused(images(only(3, { instance: { frames: 0 } })), 'no-pixel-data', /no pixel data in image 4\./);
  });

  for (const [imageType, code, words] of [
    [['DERIVED', 'SECONDARY', 'MIP'], 'derived-image', /maximum intensity projection/],
    [['DERIVED', 'SECONDARY', 'AXIAL', 'MINIP'], 'derived-image', /minimum intensity projection/],
    [['DERIVED', 'SECONDARY', 'AXIAL', 'AVERAGE'], 'derived-image', /average/],
    [['DERIVED', 'PRIMARY', 'VOLUME', 'MAXIMUM'], 'derived-image', /maximum intensity projection/],
    [['DERIVED', 'SECONDARY', 'PROJECTION IMAGE'], 'derived-image', /projection/],
    [['DERIVED', 'PRIMARY', 'AXIAL', 'IODINE'], 'not-hounsfield', /iodine map/],
    [['DERIVED', 'PRIMARY', 'AXIAL', 'EFF_ATOMIC_NUM'], 'not-hounsfield', /effective atomic numbers/],
    [['DERIVED', 'PRIMARY', 'AXIAL', 'ELECTRON_DENSITY'], 'not-hounsfield', /electron density/],
  ] as const) {
    it(`${imageType.at(-1)} images`, async () => {
      await refused(
        images(() => attributes({ '00080008': imageType })),
        code,
        words,
      );
    });
  }

  it('a unit other than HU', async () => {
    await refused(
      images(() => attributes({ '00281054': 'MGML' })),
      'not-hounsfield',
      /in MGML \(Rescale Type\), not in HU/,
    );
  });

  it('no rescale, or one that makes all values alike', async () => {
    for (const slope of [undefined, 0, null]) {
      await refused(
        images(() => attributes({ '00281053': slope })),
        'not-hounsfield',
        /image 1 .*no usable Rescale Slope/,
      );
    }
    await refused(
      images(() => attributes({ '00281052': undefined })),
      'not-hounsfield',
      /no usable Rescale/,
    );
  });

  it('frames of an enhanced image that are a projection or a map', async () => {
    const frames = ALL;
    const type = (value: string) => () => ({ '00189329': [{ '00089007': ['DERIVED', 'PRIMARY', 'VOLUME', value] }] });
    await refused([enhancedCt(GRID, frames, type('MAXIMUM'))], 'derived-image', /maximum intensity/);
    const technique = () => ({
      '00189329': [{ '00089207': 'MIN_IP', '00089007': ['DERIVED', 'PRIMARY', 'VOLUME', 'NONE'] }],
    });
    await refused([enhancedCt(GRID, frames, technique)], 'derived-image', /minimum intensity/);
    const unit = () => ({ '00289145': [{ '00281052': 0, '00281053': 1, '00281054': 'Z_EFF' }] });
    await refused([enhancedCt(GRID, frames, unit)], 'not-hounsfield', /in Z_EFF/);
  });

  it('virtual monoenergetic and virtual unenhanced images in HU, and axial reformats, are CT', async () => {
    for (const value of ['VMI', 'MAT_REMOVED', 'MPR', 'ADD']) {
      await read(images(() => attributes({ '00080008': ['DERIVED', 'SECONDARY', 'AXIAL', value], '00281054': 'HU' })));
    }
  });
});

describe('gate: damaged and nameless instances', () => {
  const failing = (error: Error) => ({ instance: { storedValues: () => Promise.reject(error) } });

  it('a truncated image', async () => {
    const error = new CorruptInstance('pixel data end 120 bytes early');
    await refused(images(only(6, failing(error))), 'corrupt-instance', /image 7 .*120 bytes early/);
  });

  it('a decoder that returns too few pixels', async () => {
    const short = { instance: { storedValues: async () => new Int16Array(29) } };
    const { figures } = await refused(
      images(only(6, short)),
      'corrupt-instance',
      /image 7 is damaged: it holds 29 pixels, 30 were expected/,
    );
    assert.deepEqual(figures, { pixels: 29, expected: 30 });
  });

  it('an image without a size', async () => {
    await refused(
      images(only(2, attributes({ '00280010': undefined }))),
      'corrupt-instance',
      /size of image 3 is not known/,
    );
  });

  it('a transfer syntax that is not read', async () => {
    const error = new UnsupportedTransferSyntax('1.2.840.10008.1.2.4.100', 'MPEG2');
    await refused(
      images(() => failing(error)),
      'unsupported-transfer-syntax',
      /1\.2\.840\.10008\.1\.2\.4\.100/,
    );
  });

  it('an error of the program is not blamed on the series', async () => {
    await assert.rejects(read(images(only(6, failing(new RangeError('bug'))))), { name: 'RangeError' });
  });

  for (const [tag, name] of [
    ['0020000d', /no Study Instance UID/],
    ['0020000e', /no Series Instance UID/],
  ] as const) {
    it(`without ${name.source.slice(3)}, for a result could not be filed`, async () => {
      await refused(
        images(() => attributes({ [tag]: undefined })),
        'missing-uid',
        name,
      );
      await refused(
        images(() => attributes({ [tag]: null })),
        'missing-uid',
        name,
      );
    });
  }

  it('a UID that can neither be written nor asked for', async () => {
    for (const uid of ['1.2\u0005', '1.2 3', '1'.repeat(65)]) {
      const nameless = images(() => attributes({ '0020000d': uid }));
      await refused(nameless, 'missing-uid', /a Study Instance UID that is no UID/);
    }
    const frame = await read(images(() => attributes({ '00200052': 'Ünknown' })));
    assert.deepEqual(
      frame.warnings.map(({ code }) => code),
      ['no-frame-of-reference'],
    );
  });

  it('never quotes a value that another, with the name in it, ran into', async () => {
    for (const tag of ['00080060', '00281054'] as const) {
      for (const value of ['CT\u0010\u0000PN PHANTOM', 'CT PHANTOM PHANTOM PHANTOM']) {
        const { message, figures } = await refusal(images(() => attributes({ [tag]: value })));
        assert.ok(!`${message}${JSON.stringify(figures)}`.includes('PHANTOM'), message);
      }
    }
  });

  it('without SOP Instance UID', async () => {
    await refused(images(only(1, { instance: { sopInstanceUid: '' } })), 'missing-uid', /no SOP Instance UID/);
  });

  it('two images under one SOP Instance UID', async () => {
    const twin = { instance: { sopInstanceUid: '1.2.3.4.1' } };
    await refused(images(only(5, twin)), 'corrupt-instance', /same SOP Instance UID/);
  });
});

describe('gate: slices that do not make one grid', () => {
  it('fewer than 10 slices', async () => {
    const { figures } = await refused(images().slice(0, 9), 'too-few-slices', /only 9 slices; at least 10/);
    assert.equal(figures.slices, 9);
    assert.equal((await read(images().slice(0, 10))).slices.length, 10);
  });

  it('several series, and one series in several studies', async () => {
    await refused(images(only(4, attributes({ '0020000e': '1.2.9' }))), 'several-series', /more than one series/);
    await refused(images(only(4, attributes({ '0020000d': '1.2.9' }))), 'several-series', /more than one study/);
  });

  it('another size', async () => {
    await refused(
      images(only(4, attributes({ '00280011': 8 }))),
      'mixed-size',
      /6 x 5 and 8 x 5 pixels \(image 1 and image 5\)/,
    );
  });

  it('another pixel size, but not its noise', async () => {
    await refused(
      images(only(4, attributes({ '00280030': [0.7, 0.71] }))),
      'mixed-spacing',
      /0.7 x 0.7 and 0.71 x 0.7 mm/,
    );
    await read(images((k) => attributes({ '00280030': [0.7 + (k % 2) * 1e-4, 0.7] })));
  });

  it('another orientation, but not its noise', async () => {
    const turned = attributes({ '00200037': [0.9986295, 0.052336, 0, -0.052336, 0.9986295, 0] });
    const { figures } = await refused(images(only(4, turned)), 'mixed-orientation', /by 3 degrees/);
    assert.ok(Math.abs(Number(figures.degrees) - 3) < 0.01);
    const flipped = attributes({ '00200037': [-1, 0, 0, 0, 1, 0] });
    await refused(images(only(4, flipped)), 'mixed-orientation', /by 180 degrees/);
    await read(images((k) => attributes({ '00200037': [1, (k % 2) * 1e-4, 0, 0, 1, (k % 3) * 1e-4] })));
  });

  it('another frame of reference, also where some slices have none', async () => {
    for (const other of ['1.2.9', undefined]) {
      const mixed = images(only(4, attributes({ '00200052': other })));
      await refused(mixed, 'mixed-frame-of-reference', /different frames of reference/);
    }
  });

  for (const [name, value] of [
    ['zero', [0, 0.7]],
    ['negative', [0.7, -0.7]],
    ['infinite', [Number.POSITIVE_INFINITY, 0.7]],
    ['not a number', [Number.NaN, 0.7]],
    ['absent', undefined],
    ['half', [0.7]],
  ] as const) {
    it(`a pixel spacing that is ${name}`, async () => {
      await refused(images(only(2, attributes({ '00280030': value }))), 'no-position', /image 3 .*Pixel Spacing/);
    });
  }

  for (const [name, value] of [
    ['not of length 1', [0.9, 0, 0, 0, 1, 0]],
    ['not at right angles', [1, 0, 0, 0.1, 0.995, 0]],
    ['zero', [0, 0, 0, 0, 0, 0]],
    ['absent', undefined],
    ['half', [1, 0, 0]],
    ['no numbers', [1, 0, 0, Number.NaN, 1, 0]],
  ] as const) {
    it(`direction cosines that are ${name}`, async () => {
      await refused(
        images(() => attributes({ '00200037': value })),
        'no-position',
        /image 1 .*Orientation/,
      );
    });
  }

  it('no position', async () => {
    for (const value of [undefined, null, [1, 2], [1, 2, Number.NaN]]) {
      await refused(images(only(7, attributes({ '00200032': value }))), 'no-position', /image 8 .*no Image Position/);
    }
  });

  for (const [plane, row, column] of [
    ['coronal', [1, 0, 0], [0, 0, -1]],
    ['sagittal', [0, 1, 0], [0, 0, -1]],
    ['oblique', [1, 0, 0], [0, Math.cos(0.6), Math.sin(0.6)]],
  ] as const) {
    it(`${plane} slices`, async () => {
      const normal: Vec3 = plane === 'sagittal' ? [-1, 0, 0] : [0, -column[2], column[1]];
      await refused(
        images(undefined, { ...GRID, axes: [row, column, normal] }),
        'not-axial',
        new RegExp(`${plane}, .*${plane === 'oblique' ? 34 : 90} degrees`),
      );
    });
  }

  it('slices 29 degrees off the axis are axial', async () => {
    const a = (29 * Math.PI) / 180;
    await read(
      images(undefined, {
        ...GRID,
        axes: [
          [1, 0, 0],
          [0, Math.cos(a), Math.sin(a)],
          [0, -Math.sin(a), Math.cos(a)],
        ],
      }),
    );
  });
});

describe('gate: slices that do not stand evenly', () => {
  it('gantry tilt, in degrees', async () => {
    for (const degrees of [18.5, -3]) {
      const slope = Math.tan((degrees * Math.PI) / 180);
      const tilted = images((k) => attributes({ '00200032': [-20, -30 + 2.5 * k * slope, 40 + 2.5 * k] }));
      const { figures } = await refused(
        tilted,
        'gantry-tilt',
        new RegExp(`gantry was tilted by ${Math.abs(degrees).toFixed(1)} degrees`),
      );
      assert.ok(Math.abs(Number(figures.degrees) - Math.abs(degrees)) < 1e-6);
    }
  });

  it('one slice beside the line of the others', async () => {
    const { figures } = await refused(
      images(moved(5, [4, 3, 0])),
      'uneven-slices',
      /^Slice 6 of 14 \(image 6\) lies 5.0 mm beside/,
    );
    assert.equal(figures.slice, 6);
  });

  it('a missing slice: which gap, how wide, how many', async () => {
    const { figures } = await refused(
      images().filter((_, k) => k !== 5 && k !== 6),
      'uneven-slices',
      /gap of 7.5 mm after slice 5 of 12 \(image 5\), where 2.5 mm were expected: 2 slices are missing\.$/,
    );
    assert.deepEqual(figures, {
      gapMm: 7.5,
      expectedMm: 2.5,
      afterSlice: 5,
      unevenGaps: 1,
      slices: 12,
      afterInstanceNumber: 5,
      missingSlices: 2,
    });
  });

  it('a gap that is no multiple', async () => {
    const shifted = images((k) => (k < 12 ? {} : moved(k, [0, 0, 3.9])(k)));
    await refused(
      shifted,
      'uneven-slices',
      /gap of 6.4 mm after slice 12 of 14 \(image 12\), where 2.5 mm were expected\.$/,
    );
  });

  it('two spacings in one series', async () => {
    const two = images((k) => (k < 9 ? {} : attributes({ '00200032': [-20, -30, 60 + 4 * (k - 8)] })));
    await refused(
      two,
      'uneven-slices',
      /gap of 4.0 mm after slice 9 .*, where 2.5 mm were expected: 5 of 13 gaps are uneven\./,
    );
  });

  it('gaps within max(0.1 mm, 2 %) of the median are even, beyond are not', async () => {
    await read(images(moved(6, [0, 0, 0.1])));
    await refused(
      images(moved(6, [0, 0, 0.12])),
      'uneven-slices',
      /gap of 2.62 mm after slice 6 .*, where 2.50 mm were expected/,
    );
    const thick = { ...GRID, spacingMm: [0.7, 0.7, 10] as const };
    const at = (dz: number) => images(only(6, attributes({ '00200032': [-20, -30, 100 + dz] })), thick);
    await read(at(0.2));
    await refused(at(0.25), 'uneven-slices', /gap of 10.25 mm/);
  });
});

describe('gate: a scan of absurd size', () => {
  it('is refused, because a decimal point was lost, and not laid out in memory', async () => {
    const wide = images(() => attributes({ '00280030': ['700', '700'] }));
    await refused(wide, 'no-position', /6 x 5 pixels of 700 x 700 mm are 4200 mm wide/);
    const long = images(undefined, { ...GRID, spacingMm: [0.7, 0.7, 2500] });
    await refused(long, 'no-position', /14 slices 2500.0 mm apart are 35000 mm long/);
    await read(images(undefined, { ...GRID, spacingMm: [200, 200, 200] }));
  });
});

describe('gate: one position twice', () => {
  it('identical slices are left out once, with a warning', async () => {
    const again = images((k) => ({ instance: { sopInstanceUid: `1.2.3.5.${k + 1}` } })).slice(3, 6);
    const series = await warned([...again, ...images()], 'duplicate-slices', /^3 slices were left out/);
    assert.deepEqual(
      series.slices.map(({ sopInstanceUid }) => sopInstanceUid),
      images().map(({ sopInstanceUid }) => sopInstanceUid),
    );
  });

  it('the same file twice is no harm', async () => {
    const series = await warned([...images(), ...images().slice(0, 1)], 'duplicate-slices', /^1 slice was left out/);
    assert.equal(series.slices.length, 14);
  });

  const phase = (number: number, tags: NonNullable<Change['attributes']>) =>
    ctImages(GRID, {
      hu: () => 40 * number,
      change: (k) => ({ ...attributes(tags), instance: { sopInstanceUid: `1.2.3.${number + 5}.${k + 1}` } }),
    });

  it('different pixels are several phases, named by acquisition number', async () => {
    const phases = [...phase(1, { '00200012': 2 }), ...phase(2, { '00200012': 3 })];
    const { figures } = await refused(
      phases,
      'several-phases',
      /14 positions .*2 different images \(acquisition number 2, 3\)/,
    );
    assert.equal(figures.positions, 14);
  });

  it('named by temporal position, or not at all where the headers are alike', async () => {
    const temporal = [0, 1, 2].flatMap((t) => phase(t, { '00200100': t + 1 }));
    await refused(temporal, 'several-phases', /3 different images \(temporal position 1, 2, 3\)/);
    const { figures } = await refused([...phase(1, {}), ...phase(2, {})], 'several-phases', /14 positions/);
    assert.equal(figures.mark, undefined);
  });

  it('frames of an enhanced image too', async () => {
    const twice = [...ALL, ...ALL];
    const image = enhancedCt(GRID, twice);
    let frame = 0;
    const content = twice.map((k) => ({
      '00209113': [{ '00200032': [-20, -30, 40 + 2.5 * k] }],
      '00209111': [{ '00209128': frame++ < 14 ? 1 : 2 }],
    }));
    const phases = enhancedCt(GRID, twice, undefined, { '52009230': content });
    const stored = async (at: number) =>
      (await image.storedValues(at)).map((value) => value + (at < 14 ? 0 : 30)) as Uint16Array;
    await refused([{ ...phases, storedValues: stored }], 'several-phases', /temporal position 1, 2/);
  });

  it('phases that lie between each other are not called uneven', async () => {
    const late = images((k) => ({
      ...attributes({ '00200012': 2, '00200032': [-20, -30, 40.7 + 2.5 * k] }),
      instance: { sopInstanceUid: `1.2.3.9.${k + 1}` },
    }));
    await refused([...images(), ...late], 'several-phases', /between each other \(acquisition number 1, 2\)/);
  });
});

describe('gate: kept with a warning', () => {
  it('lossy compression, with ratio and method', async () => {
    const lossy = attributes({ '00282110': '01', '00282112': ['10', '2'], '00282114': ['ISO_10918_1', 'ISO_15444_1'] });
    const series = await warned(images(only(8, lossy)), 'lossy-compression', /ratio 10, 2/);
    assert.deepEqual(series.lossy, { ratios: ['10', '2'], methods: ['ISO_10918_1', 'ISO_15444_1'] });
    const jpeg = { instance: { transferSyntaxUid: '1.2.840.10008.1.2.4.51' } };
    assert.deepEqual((await read(images(() => jpeg))).lossy, { ratios: [], methods: ['ISO_10918_1'] });
    const lossless = { ...attributes({ '00282110': '00' }), instance: { transferSyntaxUid: '1.2.840.10008.1.2.4.91' } };
    assert.equal((await read(images(() => lossless))).lossy, null);
  });

  it('localizers inside a good series are left out', async () => {
    const instances = [...images(() => LOCALIZER).slice(0, 2), ...images()];
    const series = await warned(instances, 'localizer-dropped', /2 localizers/);
    assert.equal(series.slices.length, 14);
    assert.equal(series.frameOfReferenceUid, '1.2.3.5');
  });

  it('a dose report picture inside a good series is left out', async () => {
    const dose = images(() => attributes({ '00280004': 'RGB', '00280002': 3 })).slice(0, 1);
    assert.equal((await warned([...dose, ...images()], 'capture-dropped', /1 screen capture/)).slices.length, 14);
  });

  it('slices above 5 mm', async () => {
    await warned(
      images(() => attributes({ '00180050': 6 })),
      'thick-slices',
      /6.0 mm/,
    );
    await warned(
      images(() => attributes({ '00180050': undefined }), { ...GRID, spacingMm: [0.7, 0.7, 7.5] }),
      'thick-slices',
      /7.5 mm/,
    );
    assert.deepEqual((await read(images(undefined, { ...GRID, spacingMm: [0.7, 0.7, 5] }))).warnings, []);
  });

  it('no Frame of Reference UID: the results get one of their own, always the same', async () => {
    const instances = images(() => attributes({ '00200052': undefined }));
    const { frameOfReferenceUid, warnings } = await warned(
      instances,
      'no-frame-of-reference',
      /derived from the series/,
    );
    assert.ok(isUid(frameOfReferenceUid));
    assert.ok(warnings[0]!.message.includes(frameOfReferenceUid));
    assert.equal((await read(images(() => attributes({ '00200052': null })))).frameOfReferenceUid, frameOfReferenceUid);
    const other = await read(images(() => attributes({ '00200052': null, '0020000e': '1.2.3.77' })));
    assert.notEqual(other.frameOfReferenceUid, frameOfReferenceUid);
  });

  for (const [tag, code] of [
    ['00180010', 'no-contrast-information'],
    ['00100020', 'no-patient-id'],
    ['00200010', 'no-study-id'],
    ['00200011', 'no-series-number'],
    ['00180060', 'no-kvp'],
  ] as const) {
    it(`${code}, absent or empty`, async () => {
      await warned(
        images(() => attributes({ [tag]: undefined })),
        code,
        /./,
      );
      await warned(
        images(() => attributes({ [tag]: null })),
        code,
        /./,
      );
    });
  }

  it('decimal strings that are too long', async () => {
    const long = attributes({ '00280030': ['0.70000000000000001', '0.70000000000000001'] });
    const { volume } = await warned(
      images(() => long),
      'overlong-decimal-string',
      /more than 16/,
    );
    assert.equal(volume.grid.spacingMm[0], 0.7);
  });

  it('a gantry tilt that is stated, though the slices stand straight', async () => {
    await warned(
      images(() => attributes({ '00181120': -15 })),
      'gantry-tilt-stated',
      /15.0 degrees/,
    );
  });

  it('text burned into the pixels', async () => {
    await warned(
      images(() => attributes({ '00280301': 'YES' })),
      'burned-in-annotation',
      /burned/,
    );
  });
});
