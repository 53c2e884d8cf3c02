import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createAnatomy } from '../../../server/src/phantom/anatomy.ts';
import { type LesionRequest, NoRoomError } from '../../../server/src/phantom/lesions.ts';
import { measureVolumes } from '../../../server/src/phantom/volumes.ts';
import type { Vec3 } from '../../../server/src/volume/volume.ts';

const LIVER = 1;

describe('phantom anatomy', () => {
  it('is the same patient for the same seed on every machine, or a stored truth would no longer fit its images', () => {
    const digest = (seed: number) => {
      const sample = createAnatomy(seed).sampler(120, 1.5);
      const hash = createHash('sha256');
      for (let z = -90; z < 110; z += 20) {
        for (let y = -130; y < 130; y += 5) {
          const { hu, labels } = sample([-180, y, z], [3, 0, 0]);
          hash.update(Int16Array.from(hu, Math.round)).update(labels);
        }
      }
      return hash.digest('hex');
    };
    assert.equal(digest(1), '86274effa1c05ee63073be0c76a079bada7c89fed6c4039a4d23162e6ce8ca38');
  });

  it('has a liver of a human size that reaches from under the right ribs across the midline', () => {
    for (const seed of [1, 2, 3]) {
      const anatomy = createAnatomy(seed, 0);
      const { liverMl, parenchymaMl } = measureVolumes(anatomy);
      assert.ok(liverMl > 900 && liverMl < 2100, `seed ${seed}: ${liverMl} ml`);
      assert.equal(liverMl, parenchymaMl);
      const sample = anatomy.sampler(1, 1);
      const labelAt = (point: Vec3) => sample(point, [1, 0, 0]).labels[0];
      assert.equal(labelAt([-70, -10, 30]), LIVER, `seed ${seed}: right lobe`);
      assert.equal(labelAt([8, -55, 35]), LIVER, `seed ${seed}: left lobe`);
      assert.equal(labelAt([80, 40, 30]), 0, `seed ${seed}: spleen`);
      assert.equal(labelAt([-70, -10, 120]), 0, `seed ${seed}: lung`);
    }
  });

  it('makes lesions whose volume is that of their sphere within 1 %', () => {
    const anatomy = createAnatomy(3, [{ diameterMm: 40 }, { diameterMm: 20, elongation: 1.4 }, { diameterMm: 8 }]);
    const { lesionsMl } = measureVolumes(anatomy);
    for (const [n, diameterMm] of [40, 20, 8].entries()) {
      const sphereMl = (4 / 3) * Math.PI * (diameterMm / 20) ** 3;
      assert.ok(
        Math.abs(lesionsMl[n]! / sphereMl - 1) < 0.01,
        `${diameterMm} mm: ${lesionsMl[n]} ml, sphere ${sphereMl} ml`,
      );
    }
  });

  it('shares the common part of two overlapping lesions in the middle, and loses none of it', () => {
    const radius = 10;
    const apart = 12;
    const at = (x: number): LesionRequest => ({ diameterMm: 2 * radius, centreMm: [x, -20, 30] });
    const { lesionsMl } = measureVolumes(createAnatomy(3, [at(-60), at(-60 - apart)]));
    // A ball without the cap that lies beyond the plane half-way between the centres.
    const cap = radius - apart / 2;
    const each = ((4 / 3) * Math.PI * radius ** 3 - (Math.PI * cap ** 2 * (3 * radius - cap)) / 3) / 1000;
    for (const ml of lesionsMl) assert.ok(Math.abs(ml / each - 1) < 0.01, `${ml} ml instead of ${each} ml`);
  });

  it('puts thirty lesions into a liver, apart from one another and surrounded by it', () => {
    const anatomy = createAnatomy(7, 30);
    assert.equal(anatomy.lesions.length, 30);
    const reach = (n: number) => Math.max(...anatomy.lesions[n]!.radiiMm);
    for (let a = 0; a < 30; a++) {
      for (let b = 0; b < a; b++) {
        const [p, q] = [anatomy.lesions[a]!.centreMm, anatomy.lesions[b]!.centreMm];
        assert.ok(Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]) > reach(a) + reach(b) + 5);
      }
    }
    const liverMl = measureVolumes(createAnatomy(7, 0)).liverMl;
    assert.ok(
      Math.abs(measureVolumes(anatomy).liverMl / liverMl - 1) < 0.003,
      'lesions take their volume from the liver',
    );
  });

  it('lets a lesion touch another one without overlapping it', () => {
    const { lesions } = createAnatomy(2, [{ diameterMm: 24 }, { diameterMm: 14, touching: 1 }]);
    const [p, q] = [lesions[0]!.centreMm, lesions[1]!.centreMm];
    assert.ok(Math.abs(Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]) - 19) < 0.05);
  });

  it('says so when a lesion is too large for the liver', () => {
    assert.throws(() => createAnatomy(1, [{ diameterMm: 150 }]), NoRoomError);
  });
});
