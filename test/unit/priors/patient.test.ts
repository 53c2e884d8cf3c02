import assert from 'node:assert/strict';
import type { Dataset } from '../../../server/src/dicom/dataset.ts';
import { contradiction, refuseToSearch } from '../../../server/src/priors/patient.ts';
import { daysBetween, scanTime, studyTime } from '../../../server/src/priors/scan-time.ts';

/** A header that says nothing else. */
const header = (texts: Readonly<Record<string, string>>): Dataset =>
  ({ text: (tag: string) => texts[tag] || null }) as unknown as Dataset;

const ID = '00100020';
const ISSUER = '00100021';
const NAME = '00100010';
const BORN = '00100030';
const SEX = '00100040';
const patient = { [ID]: '4711', [NAME]: 'Müller^Anna Maria', [BORN]: '19600229', [SEX]: 'F' };
const against = (a: Record<string, string>, b: Record<string, string>) =>
  contradiction(header({ ...patient, ...a }), header({ ...patient, ...b }))?.code ?? null;

describe('whose earlier result it is', () => {
  it('looks for none without a Patient ID, or with one that stands for nobody', () => {
    for (const id of ['', '   ', 'ANONYMOUS', 'anon', '0', '000', 'Unknown', 'N/A', 'xxx', '-']) {
      assert.equal(refuseToSearch(header({ [ID]: id }))?.code, 'priors-not-searched', id);
    }
    for (const id of ['4711', '0815', 'HEPAR-PHANTOM-1', 'X12'])
      assert.equal(refuseToSearch(header({ [ID]: id })), null, id);
  });

  it('takes the same patient, also where a name is written otherwise or a value is not stated', () => {
    const same: [Record<string, string>, Record<string, string>][] = [
      [{}, {}],
      [{ [ID]: ' 4711 ' }, {}],
      [{}, { [NAME]: 'MULLER^ANNA' }],
      [{}, { [NAME]: 'Müller^A.' }],
      [{}, { [NAME]: '' }],
      [{}, { [BORN]: '' }],
      [{}, { [BORN]: '1960' }],
      [{}, { [SEX]: 'O' }],
      [{ [ISSUER]: 'North' }, { [ISSUER]: 'NORTH ' }],
      // One side names no issuer, and name and birth date settle it.
      [{ [ISSUER]: 'North' }, {}],
      [{ [NAME]: 'Yamada^Tarou=山田^太郎' }, { [NAME]: 'YAMADA^TAROU' }],
    ];
    for (const [a, b] of same) {
      assert.equal(against(a, b), null, JSON.stringify([a, b]));
      assert.equal(against(b, a), null, JSON.stringify([b, a]));
    }
  });

  it('never takes another’s: other ID, issuer, name, birth date or sex; nor one whose issuer stays open', () => {
    const others: [string, Record<string, string>, Record<string, string>][] = [
      ['other-patient', {}, { [ID]: '4712' }],
      ['other-patient', { [ID]: 'a1' }, { [ID]: 'A1' }],
      ['other-issuer', { [ISSUER]: 'North' }, { [ISSUER]: 'South' }],
      ['other-name', {}, { [NAME]: 'Meier^Anna Maria' }],
      ['other-name', {}, { [NAME]: 'Müller^Berta' }],
      ['other-birth-date', {}, { [BORN]: '19600301' }],
      ['other-sex', {}, { [SEX]: 'M' }],
      ['open-issuer', { [ISSUER]: 'North' }, { [BORN]: '' }],
      ['open-issuer', { [ISSUER]: 'North' }, { [NAME]: '' }],
    ];
    for (const [code, a, b] of others) {
      assert.equal(against(a, b), code, JSON.stringify([a, b]));
      assert.equal(against(b, a), code, JSON.stringify([b, a]));
    }
  });

  it('says why in a line without a value', () => {
    const { message } = contradiction(header(patient), header({ ...patient, [NAME]: 'Meier^Bea' }))!;
    assert.ok(!/müller|meier|4711/i.test(message), message);
  });
});

describe('when a scan was made', () => {
  const day = (text: string) => Date.parse(`${text}Z`);

  it('is what says it most directly, and the first that is a date', () => {
    const dates = { '00080022': '20240229', '00080032': '101530.25', '00080020': '20240228', '00080030': '0900' };
    assert.deepEqual(scanTime(header(dates)), { ms: day('2024-02-29T10:15:30'), hasTime: true });
    for (const odd of ['20230229', '00000000', '19000101', '20240', '2024-1-1', '99991231', 'yesterday', '']) {
      const fallen = scanTime(header({ ...dates, '00080022': odd }));
      assert.deepEqual(fallen, { ms: day('2024-02-28T09:00'), hasTime: true }, odd);
    }
    const joint = { '0008002a': '20240301123456.789+0100', ...dates };
    assert.deepEqual(scanTime(header(joint)), { ms: day('2024-03-01T12:34:56'), hasTime: true });
    assert.deepEqual(scanTime(header({ '00080021': '2024.03.01' })), { ms: day('2024-03-01T00:00'), hasTime: false });
    assert.equal(scanTime(header({})), null);
    assert.equal(scanTime(header({ '00080022': 'n/a' })), null);
  });

  it('of an object that copies its source’s study is the study’s, not when it was made', () => {
    const seg = { '00080023': '20260101', '00080021': '20260101', '0008002a': '20260101', '00080020': '20200101' };
    assert.deepEqual(studyTime(header(seg)), { ms: day('2020-01-01T00:00'), hasTime: false });
  });

  it('gives whole days where a time of day is missing, across daylight saving and leap years', () => {
    const at = (text: string, hasTime = true) => ({ ms: day(text), hasTime });
    assert.equal(daysBetween(at('2024-02-28T23:00'), at('2024-03-01T01:00')), 1.1);
    assert.equal(daysBetween(at('2024-02-28T00:00', false), at('2024-03-01T01:00')), 2);
    assert.equal(daysBetween(at('2024-03-01T01:00'), at('2024-02-28T00:00', false)), -2);
  });
});
