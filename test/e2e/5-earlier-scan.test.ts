import assert from 'node:assert/strict';
import { BEFORE, scanAt, scanMoved } from '../support/next-scan.ts';
import { sharedStage } from './shared-stage.ts';
import { type Stage, whyNoBrowser } from './stage.ts';
import { PATIENCE_MS, type Visit } from './visit.ts';

describe('the next scan of a patient in the viewer', function () {
  this.timeout(2 * PATIENCE_MS);
  let stage: Stage;
  let visit: Visit;

  before(async function () {
    if (whyNoBrowser()) this.skip();
    stage = await sharedStage();
    const [first, second] = [scanAt('20251003', BEFORE), scanMoved()];
    for (const series of [first, second]) {
      await stage.store(series);
      await stage.segment(series);
    }
    visit = await stage.openPage();
    await visit.openStudy(second.studyInstanceUid);
    await visit.untilShown();
  });
  after(() => visit?.close());

  it('says in the panel what has become of the lesions, folded up below them', async () => {
    const compared = visit.part('comparison');
    await compared.getByText('Earlier scan, 90 days before: 1 new, 1 grown, 1 stable, 1 gone').click();
    const rows = compared.getByRole('table', { name: 'Lesions compared with the earlier scan' }).getByRole('row');
    const told = await rows.allTextContents();
    assert.equal(told.length, 5);
    assert.ok(
      told.some((row) => /^\d+grownwas .*\+\d+ %\+\d+(\.\d)? mm$/.test(row)),
      told.join('\n'),
    );
    assert.ok(
      told.some((row) => /nonegonewas/.test(row)),
      told.join('\n'),
    );
    await visit.screenshot('14-earlier-scan');
  });

  it('has it in the text for the report', async () => {
    await visit.part('copy').click();
    await visit.page.getByText('Copied').waitFor();
    const text = await visit.page.evaluate<string>('navigator.clipboard.readText()');
    assert.match(text, /; grown \(was [\d.]+ ml, \d+ × \d+ mm; volume \+\d+ %/);
    assert.match(text, /^Lesion of the earlier scan: gone \(was/m);
  });

  it('lists the report among the series, and stays as it is when it is opened, for this mode shows no reports', async () => {
    const report = visit.page.locator('[data-cy^="study-browser-thumbnail"]').filter({ hasText: 'measurements' });
    assert.equal(await report.count(), 1);
    await report.dblclick();
    await visit.untilDrawn();
    await visit.screenshot('15-report');
    assert.deepEqual(visit.problems, []);
  });
});
