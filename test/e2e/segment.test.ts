import assert from 'node:assert/strict';
import type { Lesion } from '../../server/src/findings/schema.ts';
import {
  collectSeries,
  makePhantomSeries,
  type PhantomInstance,
  SMALL_GEOMETRY,
} from '../../server/src/phantom/series.ts';
import type { LabelMap } from '../../server/src/volume/volume.ts';
import { colouredPixels, compareWithTruth } from './drawn-mask.ts';
import { Stage, type Visit, whyNoBrowser } from './support.ts';

/** A loaded machine needs its time; what the tests say does not depend on it. */
const PATIENCE_MS = 180_000;

describe('the viewer', function () {
  this.timeout(PATIENCE_MS);
  const series = makePhantomSeries({ geometry: SMALL_GEOMETRY });
  const { studyInstanceUid } = series;
  let stage: Stage;
  let visit: Visit;
  let instances: readonly PhantomInstance[];
  let truth: LabelMap<Uint8Array>;

  before(async function () {
    const reason = whyNoBrowser();
    if (reason) this.skip();
    ({ instances, truth } = collectSeries(series));
    stage = await Stage.open();
    await stage.store(series);
    visit = await stage.openPage();
  });

  after(() => stage?.close());

  it('lists the studies of the archive', async () => {
    await visit.page.goto(stage.url);
    await visit.page.getByText('Phantom, Hepar').first().waitFor();
    await visit.screenshot('1-studies');
  });

  it('opens a study with its slices and the button', async () => {
    await visit.openStudy(studyInstanceUid);
    const { distinct, lit } = await visit.shades();
    assert.ok(distinct > 60 && lit > 0.1, `${distinct} shades on ${lit} of the viewport`);
    await visit.page.locator('[data-cy="hepar-segment"]').waitFor();
    await visit.screenshot('2-study');
  });

  it('shows the segmentation by itself after one click, with its progress before', async () => {
    const canvas = visit.page.locator('canvas.cornerstone-canvas').first();
    await canvas.hover();
    for (let slice = 0; slice < 20; slice++) await visit.page.mouse.wheel(0, 100);
    assert.equal(colouredPixels(await visit.pixels()), 0);
    await visit.page.locator('[data-cy="hepar-segment"]').click();
    await visit.page.locator('[data-cy="hepar-progress"]').waitFor();
    await visit.screenshot('3-progress');
    await visit.page.locator('[data-cy="hepar-headline"]').waitFor({ timeout: PATIENCE_MS });
    await visit.untilColoured();
    await visit.screenshot('4-result');
  });

  it('draws it where the liver and its lesions are', async () => {
    const { lesions: found } = await stage.segment(series);
    await visit.page.locator('[data-cy="hepar-lesions"] tbody tr').first().click();
    await visit.page.waitForTimeout(2_000);
    await visit.screenshot('5-lesion');
    const { dice, lesions } = compareWithTruth(await visit.pixels(), truth, sliceOf(instances, found[0]!));
    assert.ok(dice > 0.85, `Dice of what is drawn and the truth: ${dice}`);
    assert.ok(lesions > 0.6, `share of the lesion that is drawn as one: ${lesions}`);
  });

  it('shows it again when the study is opened anew, on another machine', async () => {
    const other = await stage.openPage();
    await other.openStudy(studyInstanceUid);
    await other.page.locator('[data-cy="hepar-headline"]').waitFor();
    await other.page.locator('[data-cy="hepar-lesions"] tbody tr').first().click();
    await other.untilColoured();
    await other.screenshot('6-reopened');
    assert.deepEqual(other.problems, []);
    await other.close();
  });

  it('draws a segmentation whose frames end within a byte where it belongs, though the viewer misreads such objects', async () => {
    const odd = makePhantomSeries({ geometry: { ...SMALL_GEOMETRY, rows: 125, columns: 131 } });
    await stage.store(odd);
    const run = await stage.segment(odd);
    const other = await stage.openPage();
    await other.openStudy(odd.studyInstanceUid);
    await other.page.locator('[data-cy="hepar-lesions"] tbody tr').first().click();
    await other.untilColoured();
    await other.page.waitForTimeout(2_000);
    await other.screenshot('7-odd-size');
    const { instances, truth } = collectSeries(odd);
    const { dice, lesions } = compareWithTruth(await other.pixels(), truth, sliceOf(instances, run.lesions[0]!));
    assert.ok(dice > 0.85, `Dice of what is drawn and the truth: ${dice}`);
    assert.ok(lesions > 0.6, `share of the lesion that is drawn as one: ${lesions}`);
    assert.deepEqual(other.problems, []);
    await other.close();
  });

  it('asks nothing of other sites, and reports no error', () => {
    assert.deepEqual(visit.problems, []);
  });
});

/** Number along the normal of the slice that a jump to the lesion shows. */
function sliceOf(instances: readonly PhantomInstance[], { sliceUid }: Lesion): number {
  return instances.find(({ sopInstanceUid }) => sopInstanceUid === sliceUid)!.k;
}
