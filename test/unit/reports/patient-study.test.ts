import assert from 'node:assert/strict';
import type { Dataset } from '../../../server/src/dicom/dataset.ts';
import { dicomDateTime } from '../../../server/src/reports/date-time.ts';
import { patientAndStudy } from '../../../server/src/reports/patient-study.ts';
import { provenanceOf, provenanceText } from '../../../server/src/reports/provenance.ts';
import { fakeHeader } from './fake-series.ts';

const copied = (header: Dataset): Record<string, string> =>
  Object.fromEntries(patientAndStudy(header).raw.map(({ tag, value }) => [tag, Buffer.from(value).toString('latin1')]));

describe('patient and study attributes of a result', () => {
  it('are the bytes of the source, padding and all, because archives key a study by them', () => {
    const source = {
      '00080005': ['CS', '\\ISO 2022 IR 87 '],
      '00100010': ['PN', 'Yamada^Tarou=\x1b$B;3ED\x1b(B '],
      '00100020': ['LO', '  0017  '],
      '00080050': ['SH', ''],
    } as const;
    const copy = copied(fakeHeader(source));
    for (const [tag, [, value]] of Object.entries(source)) assert.equal(copy[tag], value);
  });

  it('are empty where the standard demands them and the source has none, and absent where it does not', () => {
    const { raw, attributes } = patientAndStudy(fakeHeader());
    assert.deepEqual(raw, []);
    assert.equal(attributes.PatientID, '');
    assert.equal(attributes.StudyID, '');
    assert.ok(!('StudyDescription' in attributes) && !('SpecificCharacterSet' in attributes));
  });

  it('leave behind an optional value that would make the result invalid', () => {
    const copy = copied(
      fakeHeader({
        '00101010': ['AS', '45'],
        '00101020': ['DS', '1.7800000000000000266'],
        '00101030': ['DS', '81.5'],
        '00120050': ['LO', '29'],
        '00120062': ['CS', 'yes '],
        '00100200': ['CS', 'NO'],
        '00102160': ['SH', 'longer than sixteen '],
        '00102110': ['LO', 'longer than sixteen '],
        '00102180': ['SH', '\x1b$BBgA:?&?M8x0qK!?M\x1b(B '],
      }),
    );
    assert.deepEqual(copy, {
      '00101030': '81.5',
      '00120050': '29',
      '00100200': 'NO',
      '00102110': 'longer than sixteen ',
      '00102180': '\x1b$BBgA:?&?M8x0qK!?M\x1b(B ',
    });
  });

  it('leave behind the scraps of a clinical trial, and complete one that is named', () => {
    const scraps = fakeHeader({ '00120010': ['LO', ''], '00120020': ['LO', '  '], '00120040': ['LO', 'S1'] });
    assert.deepEqual(patientAndStudy(scraps).raw, []);
    assert.ok(!Object.keys(patientAndStudy(scraps).attributes).some((keyword) => keyword.startsWith('ClinicalTrial')));
    const { raw, attributes } = patientAndStudy(
      fakeHeader({
        '00120010': ['LO', 'TCIA'],
        '00120020': ['LO', 'P 1 '],
        '00120040': ['LO', 'S1'],
        '00120030': ['LO', ''],
      }),
    );
    assert.deepEqual(
      raw.map(({ tag }) => tag),
      ['00120010', '00120020', '00120040'],
    );
    assert.equal(attributes.ClinicalTrialProtocolName, '');
    assert.equal(attributes.ClinicalTrialSiteID, '');
  });

  it('say that the method is not stated where identity was removed by an unnamed one', () => {
    const nameless = (method: Record<string, readonly ['LO', string]>) =>
      patientAndStudy(fakeHeader({ '00120062': ['CS', 'YES'], ...method }));
    for (const method of [{}, { '00120063': ['LO', ''] as const }]) {
      const { raw, attributes } = nameless(method);
      assert.equal(attributes.DeidentificationMethod, 'Not stated by the source');
      assert.deepEqual(
        raw.map(({ tag }) => tag),
        ['00120062'],
      );
    }
    assert.ok(!('DeidentificationMethod' in nameless({ '00120063': ['LO', 'CTP'] }).attributes));
    assert.ok(!('DeidentificationMethod' in patientAndStudy(fakeHeader()).attributes));
  });

  it('keep the coded de-identification method, without which a de-identified patient is incomplete', () => {
    const method = fakeHeader({
      '00080100': ['SH', '113100'],
      '00080102': ['SH', 'DCM '],
      '00080104': ['LO', 'Basic Application Confidentiality Profile '],
    });
    const header = { ...fakeHeader({ '00120062': ['CS', 'YES '] }), items: () => [method] };
    assert.deepEqual(patientAndStudy(header).attributes.DeidentificationMethodCodeSequence, [
      { CodeValue: '113100', CodingSchemeDesignator: 'DCM', CodeMeaning: 'Basic Application Confidentiality Profile' },
    ]);
  });
});

describe("a result's time", () => {
  it("is told in the source's time zone, which the result's other times are read in", () => {
    const at = new Date('2026-01-01T02:03:04Z');
    assert.deepEqual(dicomDateTime(at, fakeHeader({ '00080201': ['SH', '-0500 '] })), {
      date: '20251231',
      time: '210304',
    });
    assert.deepEqual(dicomDateTime(at, fakeHeader({ '00080201': ['SH', '+0530 '] })), {
      date: '20260101',
      time: '073304',
    });
  });

  it("is this machine's local time where the source names no zone", () => {
    const at = new Date(2026, 5, 7, 8, 9, 10);
    assert.deepEqual(dicomDateTime(at, fakeHeader()), { date: '20260607', time: '080910' });
  });
});

describe('provenance', () => {
  it('can be read from the stored object alone: which run, and whose place it takes', () => {
    for (const provenance of [
      { runId: 'f3a9-1', supersedes: null },
      { runId: '0b.77', supersedes: 'f3a9-1' },
    ]) {
      const stored = fakeHeader({ '00080070': ['LO', 'Hepar '], '00204000': ['LT', provenanceText(provenance)] });
      assert.deepEqual(provenanceOf(stored), provenance);
    }
  });

  it("takes no one else's segmentation for ours", () => {
    const text = provenanceText({ runId: 'r1', supersedes: null });
    assert.equal(provenanceOf(fakeHeader({ '00080070': ['LO', 'QIICR'], '00204000': ['LT', text] })), null);
  });
});
