import assert from 'node:assert/strict';
import { patient } from './patients.ts';
import { sharedStage } from './shared-stage.ts';
import { type Stage, whyNoBrowser } from './stage.ts';
import { PATIENCE_MS, type Visit } from './visit.ts';

/** The archive holds the images back, so that a run goes on for as long as it is looked at. */
describe('the course of a run in the viewer', function () {
  this.timeout(PATIENCE_MS);
  const first = patient(11).series;
  const second = patient(12).series;
  let stage: Stage;
  let here: Visit;
  let elsewhere: Visit;

  before(async function () {
    if (whyNoBrowser()) this.skip();
    stage = await sharedStage();
    await stage.store(first);
    await stage.store(second);
    here = await stage.openPage();
    await here.openStudy(first.studyInstanceUid);
  });
  after(async () => {
    if (!stage) return;
    stage.fault = 'none';
    await here?.close();
    await elsewhere?.close();
  });

  const phaseOf = (visit: Visit) => visit.part('progress').getAttribute('data-phase');

  it('says that the archive is down, when it is', async () => {
    stage.fault = 'down';
    await here.part('segment').click();
    await here.page
      .getByRole('alert')
      .filter({ hasText: /archive/i })
      .waitFor();
    await here.screenshot('10-archive-down');
    stage.fault = 'none';
  });

  it('is shown with its phase, and leaves the viewer usable', async () => {
    stage.fault = 'series held';
    await here.part('segment').click();
    await here.page.getByText('Fetching the images').waitFor();
    await here.page.getByRole('progressbar', { name: 'Progress of the segmentation' }).waitFor();
    await here.canvases.first().hover();
    await here.page.mouse.wheel(0, 100);
    await here.untilImage(2);
    await here.screenshot('03-progress');
  });

  it('can be cancelled, and taken up again', async () => {
    await here.part('cancel').click();
    await here.part('cancelled').waitFor();
    await here.screenshot('11-cancelled');
    await here.page.getByRole('button', { name: 'Try again' }).click();
    await here.page.getByText('Fetching the images').waitFor();
  });

  it('is still there when the page is loaded again', async () => {
    await here.page.reload();
    await here.part('progress').waitFor();
    assert.equal(await phaseOf(here), 'retrieve');
  });

  it('tells another study, on another machine, its place behind it', async () => {
    await stage.request(second);
    elsewhere = await stage.openPage();
    await elsewhere.openStudy(second.studyInstanceUid);
    await elsewhere.part('progress').getByText('next in the queue').waitFor();
    await elsewhere.screenshot('12-queued');
  });

  it('goes on when the server is restarted; the panel says that the connection is lost, and takes up again', async () => {
    await stage.stopServer();
    await here.part('trouble').waitFor();
    await here.screenshot('13-connection-lost');
    await stage.startServer();
    await here.part('trouble').waitFor({ state: 'detached' });
    await here.part('progress').waitFor();
  });

  it('ends with the result over the images of each of the two studies', async () => {
    stage.fault = 'none';
    for (const visit of [here, elsewhere]) {
      await visit.part('headline').waitFor();
      await visit.untilShown();
      await visit.part('lesion-1').click();
      await visit.untilColoured();
    }
    assert.equal((await stage.runsOf(first)).length, 1);
    assert.equal((await stage.runsOf(second)).length, 1);
  });
});
