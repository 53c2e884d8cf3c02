import assert from 'node:assert/strict';
import type { Manifest } from '../../../server/src/inference/manifest.ts';
import { postprocess } from '../../../server/src/inference/postprocess.ts';
import { wholeBox } from '../../../server/src/volume/geometry.ts';
import type { Grid } from '../../../server/src/volume/volume.ts';
import { AXIAL } from '../../support/axial.ts';

const OFF: Manifest['postprocessing'] = {
  keepLargestLiver: false,
  fillHolesMl: 0,
  leastLesionMl: 0,
  leastLesionConfidence: 0,
  leastInsideLiver: 0,
};
const CONFIDENT = 204; // .8

/** One slice drawn as text among two that are 'l' throughout or empty: 1 ml a voxel. */
function cleaned(middle: string, rules: Partial<Manifest['postprocessing']>, around: '.' | 'l' = '.'): string {
  const rows = middle.trim().split(/\s+/);
  const [width, height] = [rows[0]!.length, rows.length];
  const grid: Grid = {
    shape: [width, height, 3],
    spacingMm: [10, 10, 10],
    originMm: [0, 0, 0],
    axes: AXIAL,
  };
  // 'L' is a lesion the network is sure of, 'd' a doubtful one (.4).
  const text = around.repeat(width * height) + rows.join('') + around.repeat(width * height);
  const labels = Uint8Array.from(text, (c) => ({ '.': 0, l: 1, L: 2, d: 2 })[c]!);
  const values = Uint8Array.from(text, (c) => ({ '.': 0, l: 20, L: CONFIDENT, d: 102 })[c]!);
  postprocess({ grid, labels }, { box: wholeBox(grid), values }, { ...OFF, ...rules });
  const drawn = [...labels.subarray(width * height, 2 * width * height)].map((label) => '.lL'[label]);
  return rows.map((_, j) => drawn.slice(j * width, (j + 1) * width).join('')).join(' ');
}

describe('the rules after the network', () => {
  it('change nothing when they are off', () => {
    assert.equal(cleaned('ll..l L...d lll.l', {}), 'll..l L...L lll.l');
  });

  it('keep the largest liver with its lesions, touching corners included', () => {
    assert.equal(cleaned('lL....l ..l..ll L....dl', { keepLargestLiver: true }), '......l .....ll .....Ll');
    assert.equal(cleaned('lL..... ..l..ll L..l..l', { keepLargestLiver: true }), 'lL..... ..l.... ...l...');
  });

  it('fill holes up to their volume, not bays that open to the outside', () => {
    const holes = 'lllllll l.ll..l lllllll';
    assert.equal(cleaned(holes, { fillHolesMl: 1 }, 'l'), 'lllllll lbll..l lllllll'.replace('b', 'l'));
    assert.equal(cleaned(holes, { fillHolesMl: 2 }, 'l'), 'lllllll lllllll lllllll');
    assert.equal(cleaned('lll.lll l.l.l.l lllllll', { fillHolesMl: 5 }, 'l'), 'lll.lll lll.lll lllllll');
  });

  it('make a lesion that is too small or too doubtful liver again', () => {
    const lesions = 'lllllllll lLLlLldLl lllllllll';
    assert.equal(cleaned(lesions, { leastLesionMl: 2 }), 'lllllllll lLLllllLl lllllllll'.replace('llllLl', 'lllLLl'));
    // 'dL' has a mean of .6.
    assert.equal(cleaned(lesions, { leastLesionConfidence: 0.61 }), 'lllllllll lLLlLllll lllllllll');
    assert.equal(cleaned(lesions, { leastLesionConfidence: 0.59 }), 'lllllllll lLLlLlLLl lllllllll');
  });

  it('drop a lesion whose surface is hardly in the liver, and not one at the edge of the scan', () => {
    // The single voxel has 1 of 6 faces on liver, the one inside 4 of 6 (above and below is nothing).
    assert.equal(cleaned('lll... lLlL.. lll...', { leastInsideLiver: 0.3 }), 'lll... lLl... lll...');
    assert.equal(cleaned('lll... lLlL.. lll...', { leastInsideLiver: 0.7 }), 'lll... l.l... lll...');
    // In the corner of the picture only 4 faces count, all of them liver.
    assert.equal(cleaned('Lll lll', { leastInsideLiver: 1 }, 'l'), 'Lll lll');
  });
});
