import assert from 'node:assert/strict';
import { colouredPixels, compareWithTruth } from './drawn-mask.ts';
import { patient } from './patients.ts';
import { sharedStage } from './shared-stage.ts';
import { READER, type Stage, whyNoBrowser } from './stage.ts';
import { PATIENCE_MS, type Visit } from './visit.ts';

describe('the viewer', function () {
  this.timeout(PATIENCE_MS);
  const one = patient(1);
  const { series, truth } = one;
  let stage: Stage;
  let visit: Visit;

  before(async function () {
    const reason = whyNoBrowser();
    if (reason) this.skip();
    stage = await sharedStage();
    await stage.store(series);
    visit = await stage.openPage({ isSignedIn: false });
  });
  after(() => visit?.close());

  it('asks who it is, and then lists the studies of the archive', async () => {
    await visit.page.goto(stage.url);
    await visit.page.getByLabel('Your token').fill(READER.token);
    await visit.page.getByRole('button', { name: 'Sign in' }).click();
    await visit.page.getByText('Phantom, Hepar').first().waitFor();
    await visit.screenshot('01-studies');
  });

  it('opens a study with its slices and the button', async () => {
    await visit.openStudy(series.studyInstanceUid);
    const { distinct, lit } = await visit.shades();
    assert.ok(distinct > 60 && lit > 0.1, `${distinct} shades on ${lit} of the viewport`);
    await visit.part('segment').waitFor();
    await visit.screenshot('02-study');
  });

  it('shows the segmentation by itself after one click', async () => {
    // Somewhere within the liver.
    await visit.canvases.first().hover();
    for (let slice = 0; slice < 20; slice++) await visit.page.mouse.wheel(0, 100);
    await visit.untilSteady();
    assert.equal(colouredPixels(await visit.pixels()), 0);
    await visit.part('segment').click();
    await visit.part('progress').waitFor();
    await visit.part('headline').waitFor();
    await visit.untilColoured();
    await visit.screenshot('04-result');
  });

  it('draws it where the liver and its lesions are', async () => {
    const [lesion] = (await stage.segment(series)).lesions;
    await visit.goTo(1, one.instanceNumberOf(lesion!));
    await visit.screenshot('05-lesion');
    const { dice, lesions } = compareWithTruth(await visit.pixels(), truth, one.sliceOf(lesion!));
    assert.ok(dice > 0.85, `Dice of what is drawn and the truth: ${dice}`);
    assert.ok(lesions > 0.6, `share of the lesion that is drawn as one: ${lesions}`);
  });

  it('shows it in all three planes, and takes all of them to a lesion', async () => {
    await visit.setLayout('mpr');
    await visit.until('there are three viewports', async () => (await visit.canvases.count()) === 3);
    await visit.part('lesion-2').click();
    for (const viewport of [0, 1, 2]) await visit.untilColoured(viewport);
    await visit.untilSteady();
    await visit.screenshot('06-three-planes');
    const before = await Promise.all([0, 1, 2].map((viewport) => visit.pixels(viewport)));
    await visit.part('lesion-3').click();
    for (const viewport of [0, 1, 2]) {
      await visit.until(`viewport ${viewport} has moved`, async () => {
        const { rgba } = await visit.pixels(viewport);
        return Buffer.compare(rgba, before[viewport]!.rgba) !== 0;
      });
    }
  });

  it('shows it again when the study is opened anew, on another machine', async () => {
    const other = await stage.openPage();
    await other.openStudy(series.studyInstanceUid);
    await other.part('headline').waitFor();
    await other.untilShown();
    await other.part('lesion-1').click();
    await other.untilColoured();
    assert.deepEqual(other.problems, []);
    await other.close();
  });

  it('draws a segmentation whose frames end within a byte where it belongs, though the viewer misreads such objects', async () => {
    const odd = patient(2, { rows: 125, columns: 131 });
    await stage.store(odd.series);
    const [lesion] = (await stage.segment(odd.series)).lesions;
    const other = await stage.openPage();
    await other.openStudy(odd.series.studyInstanceUid);
    await other.untilShown();
    await other.goTo(1, odd.instanceNumberOf(lesion!));
    const { dice, lesions } = compareWithTruth(await other.pixels(), odd.truth, odd.sliceOf(lesion!));
    assert.ok(dice > 0.85, `Dice of what is drawn and the truth: ${dice}`);
    assert.ok(lesions > 0.6, `share of the lesion that is drawn as one: ${lesions}`);
    assert.deepEqual(other.problems, []);
    await other.close();
  });

  it('asks nothing of other sites, and reports no error', () => {
    assert.deepEqual(visit.problems, []);
  });
});
