import assert from 'node:assert/strict';
import { type RunParts, runId } from '../../../server/src/jobs/run.ts';

const PARTS: RunParts = {
  studyInstanceUid: '1.2',
  seriesInstanceUid: '1.2.3',
  instances: ['1.2.3.1', '1.2.3.2', '1.2.3.10'],
  model: { id: 'm', version: '1', digest: 'abc' },
  repeat: 0,
};

describe('name of a run', () => {
  it('is short and fit for a URL', () => {
    assert.match(runId(PARTS), /^[0-9a-f]{32}$/);
  });

  it('is the same whatever the archive’s order, and whatever does not change the result', () => {
    const same: RunParts[] = [
      { ...PARTS, instances: ['1.2.3.10', '1.2.3.2', '1.2.3.1'] },
      { ...PARTS, instances: [...PARTS.instances, '1.2.3.1'] },
      { ...PARTS, model: { ...PARTS.model, id: 'renamed' } },
    ];
    for (const parts of same) assert.equal(runId(parts), runId(PARTS));
  });

  it('is another for late slices, another series, model, option or repeat: else the old result would be taken for theirs', () => {
    const others = [
      runId({ ...PARTS, instances: [...PARTS.instances, '1.2.3.11'] }),
      runId({ ...PARTS, instances: ['1.2.3.12.3.2', '1.2.3.10'] }),
      runId({ ...PARTS, seriesInstanceUid: '1.2.4' }),
      runId({ ...PARTS, model: { ...PARTS.model, digest: 'abd' } }),
      runId({ ...PARTS, repeat: 1 }),
      runId(PARTS, { keepLargest: false }),
      runId(PARTS),
    ];
    assert.equal(new Set(others).size, others.length);
  });
});
