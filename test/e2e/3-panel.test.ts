import assert from 'node:assert/strict';
import axe from 'axe-core';
import type { FindingsDocument } from '../../server/src/findings/schema.ts';
import { colouredPixels } from './drawn-mask.ts';
import { type Patient, patient } from './patients.ts';
import { sharedStage } from './shared-stage.ts';
import { type Stage, whyNoBrowser } from './stage.ts';
import { PATIENCE_MS, type Visit } from './visit.ts';

describe('the findings in the viewer', function () {
  this.timeout(PATIENCE_MS);
  // The same as in the tests of the run, so that what was computed there need not be again.
  const one = patient(1);
  let stage: Stage;
  let visit: Visit;
  let findings: FindingsDocument;

  before(async function () {
    if (whyNoBrowser()) this.skip();
    stage = await sharedStage();
    await stage.store(one.series);
    findings = await stage.segment(one.series);
    visit = await stage.openPage();
    await visit.openStudy(one.series.studyInstanceUid);
    await visit.untilShown();
  });
  after(() => visit?.close());

  const rows = () => visit.part('lesions').locator('tbody tr');
  const numbers = async () =>
    Promise.all((await rows().all()).map(async (row) => Number((await row.locator('th').textContent())?.trim())));
  const coloured = async () => {
    await visit.untilSteady();
    return colouredPixels(await visit.pixels());
  };

  it('goes from lesion to lesion by keyboard, with the focus in the panel and out of it', async () => {
    const [first, second] = findings.lesions;
    await visit.goTo(1, one.instanceNumberOf(first!));
    await visit.page.keyboard.press('j');
    await visit.untilInstance(one.instanceNumberOf(second!));
    await visit.canvases.first().click({ position: { x: 5, y: 300 } });
    await visit.page.keyboard.press('k');
    await visit.untilInstance(one.instanceNumberOf(first!));
    await rows().first().locator('.hepar-jump').focus();
    await visit.page.keyboard.press('ArrowDown');
    await visit.page.keyboard.press('Enter');
    await visit.untilInstance(one.instanceNumberOf(second!));
  });

  it('sorts by each column, and says so to a screen reader', async () => {
    const byVolume = findings.lesions.map(({ number }) => number);
    await visit.page.getByRole('button', { name: 'Mean density in Hounsfield units' }).click();
    const byDensity = findings.lesions.toSorted((a, b) => a.meanHu - b.meanHu).map(({ number }) => number);
    assert.deepEqual(await numbers(), byDensity);
    const head = visit.part('lesions').locator('th[aria-sort="ascending"]');
    assert.match((await head.textContent())!, /Mean/);
    await visit.page.getByRole('button', { name: 'Number', exact: true }).click();
    assert.deepEqual(await numbers(), byVolume);
  });

  it('hides a lesion, the liver, and what the model is less sure of; and draws outlines only', async () => {
    await visit.goTo(1, one.instanceNumberOf(findings.lesions[0]!));
    const all = await coloured();
    await visit.page.getByRole('button', { name: 'Show lesion 1' }).click();
    const withoutLesion = await coloured();
    assert.ok(withoutLesion < all, `${withoutLesion} of ${all} coloured pixels without lesion 1`);
    await visit.page.getByRole('button', { name: 'Show lesion 1' }).click();
    await visit.page.getByText('Outline', { exact: true }).click();
    const outlines = await coloured();
    assert.ok(outlines > 0 && outlines < all / 2, `${outlines} of ${all} coloured pixels as outlines`);
    await visit.page.getByText('Fill', { exact: true }).click();
    await visit.page.getByRole('checkbox', { name: 'Liver' }).uncheck();
    await visit.page.getByRole('slider', { name: 'Confidence from' }).fill('100');
    await visit.page.getByText('below 100 % not shown').waitFor();
    assert.equal(await coloured(), 0);
    await visit.page.getByRole('slider', { name: 'Confidence from' }).fill('0');
    await visit.page.getByRole('checkbox', { name: 'Liver' }).check();
    assert.equal(await rows().count(), findings.lesions.length);
  });

  it('copies the findings as text for the report', async () => {
    await visit.part('copy').click();
    await visit.page.getByText('Copied').waitFor();
    const text = await visit.page.evaluate<string>('navigator.clipboard.readText()');
    assert.match(text, new RegExp(`^Liver volume: ${findings.liver.volumeMl.toFixed(0)} ml`));
    assert.equal(text.match(/^Lesion \d+: /gm)?.length, findings.lesions.length);
    assert.match(text, /Research use only/);
  });

  it('names the model, the device and the time, and says that it is for research', async () => {
    const origin = (await visit.page.locator('.hepar-origin').textContent())!;
    assert.ok(origin.includes(findings.model.version) && origin.includes(findings.engine.device), origin);
    assert.match(origin, /\d{1,2} \w{3} \d{4}, \d\d:\d\d.*Research use only/s);
  });

  it('can be read by a screen reader and used by keyboard alone', async () => {
    await visit.page.evaluate(axe.source);
    for (const part of ['panel', 'segment']) assert.deepEqual(await visit.violations(part), []);
    await visit.part('segment').focus();
    const hint = await visit.page.evaluate<string>(
      `document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent`,
    );
    assert.match(hint, /has a result/);
    // Whatever can be used is reached with the Tab key, in the order in which it is seen.
    await visit.page.getByText('Fill', { exact: true }).click();
    const tops: number[] = [];
    for (let stop = 0; stop < 60; stop++) {
      await visit.page.keyboard.press('Tab');
      const top = await visit.page.evaluate<number | null>(
        `document.activeElement.closest('[data-cy="hepar-panel"]') && document.activeElement.getBoundingClientRect().top`,
      );
      if (top === null) break;
      tops.push(top);
    }
    assert.ok(tops.length > 3 + 2 * findings.lesions.length, `${tops.length} stops`);
    assert.deepEqual(
      tops.filter((top, n) => n > 0 && top < tops[n - 1]! - 30),
      [],
    );
  });

  it('fits into 1280 x 720: nothing is cut off at the side', async () => {
    const cut = await visit.part('panel').evaluate((panel) => {
      const element = panel as unknown as { scrollWidth: number; clientWidth: number };
      return element.scrollWidth - element.clientWidth;
    });
    assert.equal(cut, 0);
  });

  it('asks before it segments again, lists both results, and shows an earlier one when it is chosen', async () => {
    await visit.part('segment').click();
    await visit.page.getByRole('alertdialog', { name: 'Segment again?' }).waitFor();
    await visit.screenshot('07-again');
    await visit.page.keyboard.press('Escape');
    assert.equal((await stage.runsOf(one.series)).length, 1);
    await visit.part('segment').click();
    await visit.page.getByRole('button', { name: 'Segment again' }).click();
    await visit.part('picker').waitFor();
    await visit.untilShown();
    const [newest, oldest] = await stage.runsOf(one.series);
    assert.equal(await visit.part('picker').inputValue(), newest!.id);
    await visit.part('picker').selectOption(oldest!.id);
    await visit.untilShown();
    await visit.part('lesion-1').click();
    await visit.untilColoured();
    await visit.screenshot('08-earlier-result');
    await visit.openStudy(one.series.studyInstanceUid);
    await visit.untilShown();
    assert.equal(await visit.part('picker').inputValue(), newest!.id);
    assert.deepEqual(visit.problems, []);
  });
});

describe('what the viewer says of other series', function () {
  this.timeout(PATIENCE_MS);
  let stage: Stage;
  let visit: Visit;

  before(async function () {
    if (whyNoBrowser()) this.skip();
    stage = await sharedStage();
    visit = await stage.openPage();
  });
  after(() => visit?.close());

  /** Where the model sees none either; which livers those are changes with the model. */
  async function firstWithoutLesion(): Promise<Patient> {
    for (const seed of [23, 26, 25, 24, 27]) {
      const healthy = patient(seed, {}, { lesions: 0, noiseSdHu: 5 });
      await stage.store(healthy.series);
      if ((await stage.segment(healthy.series)).lesions.length === 0) return healthy;
    }
    throw new Error('the model finds a lesion in every healthy liver');
  }

  it('takes no lesion for a result, and says so calmly', async () => {
    const healthy = await firstWithoutLesion();
    await visit.openStudy(healthy.series.studyInstanceUid);
    await visit.page.getByRole('heading', { name: 'No lesion found' }).waitFor();
    await visit.untilShown();
    await visit.screenshot('14-no-lesion');
  });

  it('disables the button with the reason where the series is unsuitable, and recommends a better one', async () => {
    const portal = patient(31);
    const { studyInstanceUid, frameOfReferenceUid } = portal.series;
    const few = patient(
      31,
      { slices: 6, sliceSpacingMm: 40 },
      {
        attributes: {
          StudyInstanceUID: studyInstanceUid,
          FrameOfReferenceUID: frameOfReferenceUid,
          SeriesNumber: 0,
          SeriesDescription: 'Scout',
        },
      },
    );
    await stage.store(few.series);
    await stage.store(portal.series);
    await visit.openStudy(studyInstanceUid);
    await visit.openThumbnail('Scout');
    await visit.part('unsuitable').getByText('only 6 images').waitFor();
    assert.equal(await visit.part('segment').getAttribute('aria-disabled'), 'true');
    await visit.part('better').waitFor();
    await visit.screenshot('15-unsuitable');
    await visit.page.getByRole('button', { name: 'Show this series' }).click();
    await visit.page.getByText('You can go on reading while it works').waitFor();
    assert.equal(await visit.part('segment').getAttribute('aria-disabled'), 'false');
  });

  it('says why a series is refused', async () => {
    const gap = patient(32).series;
    await stage.store(gap, (k) => k < 20 || k > 26);
    await visit.openStudy(gap.studyInstanceUid);
    await visit.part('segment').click();
    await visit.part('refused').waitFor();
    assert.match((await visit.part('refused').textContent())!, /gap|spacing|missing/i);
    await visit.screenshot('16-refused');
  });

  it('never draws a result over another series', async () => {
    const done = patient(33);
    const other = patient(
      34,
      {},
      {
        attributes: {
          StudyInstanceUID: done.series.studyInstanceUid,
          FrameOfReferenceUID: done.series.frameOfReferenceUid,
          SeriesNumber: 2,
          SeriesDescription: 'Another one',
        },
      },
    );
    await stage.store(done.series);
    await stage.store(other.series);
    const [lesion] = (await stage.segment(done.series)).lesions;
    await visit.openStudy(done.series.studyInstanceUid);
    await visit.untilShown();
    await visit.goTo(1, done.instanceNumberOf(lesion!));
    await visit.untilColoured();
    await visit.openThumbnail('Another one');
    await visit.page.getByText('has a result').waitFor();
    await visit.canvases.first().hover();
    for (let slice = 0; slice < 20; slice++) await visit.page.mouse.wheel(0, 100);
    await visit.untilSteady();
    assert.equal(colouredPixels(await visit.pixels()), 0);
    assert.deepEqual(visit.problems, []);
  });
});
