import { deepStrictEqual, strictEqual } from 'node:assert';
import { scoreAgainstTruth } from '../../../server/src/phantom/score.ts';

/** A row of voxels written as digits. */
const voxels = (row: string) => Uint8Array.from(row, Number);

describe('scoring a segmentation against the truth', () => {
  it('gives full marks to the truth itself', () => {
    const truth = voxels('0011122233110');
    const score = scoreAgainstTruth({ truth, found: truth, voxelVolumeMl: 0.5 });
    strictEqual(score.liverDice, 1);
    deepStrictEqual(score.lesions, [
      { number: 1, trueMl: 1.5, foundMl: 1.5, found: true },
      { number: 2, trueMl: 1, foundMl: 1, found: true },
    ]);
    deepStrictEqual(score.falseLesions, []);
  });

  it('tells a missed lesion, a barely touched one and a false one', () => {
    const score = scoreAgainstTruth({
      truth: voxels('1122221133333333110'),
      found: voxels('1111111121111111330'),
      voxelVolumeMl: 1,
    });
    strictEqual(score.liverDice, 1);
    deepStrictEqual(score.lesions, [
      { number: 1, trueMl: 4, foundMl: 0, found: false },
      { number: 2, trueMl: 8, foundMl: 1, found: false },
    ]);
    deepStrictEqual(score.falseLesions, [{ segmentNumber: 3, volumeMl: 2 }]);
  });

  it('measures the liver with its lesions', () => {
    const score = scoreAgainstTruth({ truth: voxels('0111220'), found: voxels('1111000'), voxelVolumeMl: 1 });
    strictEqual(score.liverDice, (2 * 3) / (5 + 4));
  });
});
