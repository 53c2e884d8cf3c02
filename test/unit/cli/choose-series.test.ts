import { match, strictEqual, throws } from 'node:assert';
import { chooseSeries } from '../../../server/src/cli/choose-series.ts';
import { Refusal, type RefusalCode } from '../../../server/src/refusal.ts';

const series = (seriesInstanceUid: string, modality: string | null, instances: number) => ({
  seriesInstanceUid,
  modality,
  description: `series ${seriesInstanceUid}`,
  instances,
});
const LOCALIZER = series('1.1', 'CT', 2);
const THICK = series('1.2', 'CT', 60);
const THIN = series('1.3', 'CT', 300);
const SEG = series('1.4', 'SEG', 1);

function refusedAs(code: RefusalCode, work: () => unknown): Refusal {
  let refusal: Refusal | undefined;
  throws(work, (error) => {
    if (error instanceof Refusal) refusal = error;
    return true;
  });
  strictEqual(refusal?.code, code);
  return refusal!;
}

describe('choosing the series of an input', () => {
  it('takes the only one that can be suitable, past localizers and earlier results', () => {
    strictEqual(chooseSeries([LOCALIZER, THICK, SEG], undefined), THICK);
  });

  it('takes the one that is named, whatever else there is', () => {
    strictEqual(chooseSeries([THICK, THIN], '1.3'), THIN);
    refusedAs('no-such-series', () => chooseSeries([THICK, THIN], '9.9'));
  });

  it('never guesses between two: both are listed with what tells them apart', () => {
    const { message, figures } = refusedAs('several-series', () => chooseSeries([LOCALIZER, THICK, THIN], undefined));
    match(message, /1\.2 .*60.*series 1\.2/);
    match(message, /1\.3 .*300.*series 1\.3/);
    strictEqual(message.includes('1.1 '), false);
    strictEqual(figures.series, 2);
  });

  it('takes an enhanced image beside a localizer, though it is a single instance', () => {
    const enhanced = { ...series('1.7', 'CT', 1), multiFrame: true };
    strictEqual(chooseSeries([LOCALIZER, enhanced, SEG], undefined), enhanced);
    refusedAs('several-series', () => chooseSeries([THICK, enhanced], undefined));
  });

  it('gives a single unsuitable one on, for the pipeline to say what is wrong with it', () => {
    strictEqual(chooseSeries([LOCALIZER, SEG], undefined), LOCALIZER);
    strictEqual(chooseSeries([SEG], undefined), SEG);
  });

  it('says what there is when nothing is suitable', () => {
    match(refusedAs('not-ct', () => chooseSeries([SEG, series('1.5', 'MR', 90)], undefined)).message, /SEG, MR/);
    strictEqual(
      refusedAs('too-few-slices', () => chooseSeries([LOCALIZER, series('1.6', 'CT', 9)], undefined)).figures.slices,
      9,
    );
    refusedAs('not-dicom', () => chooseSeries([], undefined));
  });
});
