import assert from 'node:assert/strict';
import { readConfig } from '../../../server/src/config.ts';
import { runId } from '../../../server/src/jobs/run.ts';
import { DEFAULT_OPTIONS, unusual } from '../../../server/src/reports/options.ts';

const parts = {
  studyInstanceUid: '1.2',
  seriesInstanceUid: '1.2.3',
  instances: ['1.2.3.4'],
  model: { id: 'm', version: '1', digest: 'd' },
  repeat: 0,
};
const optionsOf = (environment: Record<string, string>) => unusual(readConfig(environment).results);

describe('options of a result', () => {
  it('that are the usual ones leave the name of a run as it is', () => {
    assert.deepEqual(readConfig({}).results, DEFAULT_OPTIONS);
    assert.deepEqual(optionsOf({ HEPAR_OBJECTS: 'secondary-capture', HEPAR_SEG: 'binary' }), {});
    assert.equal(runId({ ...parts, options: optionsOf({}) }), runId(parts));
  });

  it('that change the objects give a run of its own, so that no UID ever has two contents', () => {
    const names = [
      { HEPAR_SEG: 'labelmap' },
      { HEPAR_SEG_LIVER: 'own-series' },
      { HEPAR_SEG_DEFLATED: 'on' },
      { HEPAR_OBJECTS: 'none' },
      { HEPAR_OBJECTS: 'secondary-capture,rtstruct' },
    ].map((environment) => runId({ ...parts, options: optionsOf(environment) }));
    assert.equal(new Set([...names, runId(parts)]).size, names.length + 1);
  });

  it('are the same in whatever order the objects are named', () => {
    assert.deepEqual(
      optionsOf({ HEPAR_OBJECTS: 'rtstruct, mask' }),
      optionsOf({ HEPAR_OBJECTS: 'mask,rtstruct,mask' }),
    );
  });

  for (const [variable, value, message] of [
    [
      'HEPAR_OBJECTS',
      'pictures',
      /HEPAR_OBJECTS must be none, or some of secondary-capture, probability, mask, rtstruct/,
    ],
    ['HEPAR_SEG', 'fractional', /HEPAR_SEG must be binary or labelmap/],
    ['HEPAR_SEG_LIVER', 'yes', /HEPAR_SEG_LIVER must be together, own-series, left-out or auto/],
    ['HEPAR_SEG_DEFLATED', 'true', /HEPAR_SEG_DEFLATED must be on or off/],
  ] as const) {
    it(`${variable}=${value} is refused with what it may be`, () => {
      assert.throws(() => readConfig({ [variable]: value }), { name: 'ConfigError', message });
    });
  }
});
