import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FindingsDocument, Lesion } from '../../server/src/findings/schema.ts';
import type { ReviewView } from '../../server/src/http/contract.ts';
import type { GeometryOptions } from '../../server/src/phantom/geometry.ts';
import { python } from '../conformance/seg-support.ts';
import { itInFull } from '../support/full.ts';
import { compareWithTruth, placeOf } from './drawn-mask.ts';
import { type Patient, patient } from './patients.ts';
import { sharedStage } from './shared-stage.ts';
import { READER, type Stage, whyNoBrowser } from './stage.ts';
import { PATIENCE_MS, type Visit } from './visit.ts';

const HEAD_DOWN = 'slices from the head down, columns turned round';
const IN_THREE_PLANES = 'painted in the axial one of three planes';
const SERIES: Record<string, Partial<GeometryOptions>> = {
  [HEAD_DOWN]: { instanceOrder: 'descending', negateColumns: true },
  'oblique slices': { rotationDeg: [9, -7, 6] },
  'rows and columns that differ, pixels that are no squares': { rows: 112, columns: 144, pixelSpacingMm: [3.2, 2.5] },
  [IN_THREE_PLANES]: {},
};
/** The others in `npm run test:full` only: the server's side is tried with all of them everywhere. */
const OFTEN = new Set([HEAD_DOWN, IN_THREE_PLANES]);
/** Radius of the brush at first. */
const BRUSH_MM = 5;

interface Comparison {
  /** Source image, row, column, and what was and is there. */
  readonly changed: readonly (readonly [
    sop: string,
    j: number,
    i: number,
    before: string | null,
    after: string | null,
  ])[];
}

describe('correcting a result in the viewer', function () {
  this.timeout(2 * PATIENCE_MS);
  let stage: Stage;
  let visit: Visit;
  let dir: string;

  before(async function () {
    if (whyNoBrowser()) this.skip();
    stage = await sharedStage();
    dir = await mkdtemp(join(tmpdir(), 'hepar-correct-'));
    visit = await stage.openPage();
  });
  after(async () => {
    await visit?.close();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  /** Opens a patient's study at lesion 1. @returns the findings, and how large the slice is in its viewport */
  async function open({ series, truth, ...of }: Patient): Promise<{ findings: FindingsDocument; inset: number }> {
    await stage.store(series);
    const findings = await stage.segment(series);
    await visit.openStudy(series.studyInstanceUid);
    await visit.untilShown();
    const [lesion] = findings.lesions;
    await visit.goTo(1, of.instanceNumberOf(lesion!));
    const { dice, inset } = compareWithTruth(await visit.pixels(), truth, of.sliceOf(lesion!));
    assert.ok(dice > 0.8, `Dice of what is drawn and the truth: ${dice}`);
    return { findings, inset };
  }

  /** @returns how large the slice of the lesion is in the first of the three viewports */
  async function showThreePlanes({ truth, sliceOf }: Patient, lesion: Lesion): Promise<number> {
    await visit.setLayout('mpr');
    await visit.until('there are three viewports', async () => (await visit.canvases.count()) === 3);
    await visit.untilShown();
    await visit.part(`lesion-${lesion.number}`).click();
    await visit.untilColoured();
    await visit.untilSteady();
    const { dice, inset } = compareWithTruth(await visit.pixels(), truth, sliceOf(lesion));
    assert.ok(dice > 0.8, `Dice of what is drawn and the truth: ${dice}`);
    return inset;
  }

  /** Clicks with the tool in hand on pixel (i, j) of the slice that is shown. */
  async function dab({ truth: { grid } }: Patient, [i, j]: readonly [number, number], inset: number): Promise<void> {
    const { x, y, width, height } = (await visit.canvases.first().boundingBox())!;
    const [left, top] = placeOf({ width, height }, grid, i, j, inset);
    await visit.page.mouse.move(x + left, y + top);
    await visit.page.mouse.down();
    await visit.page.mouse.up();
    await visit.page.locator('[data-cy="hepar-edit"][data-changed="true"]').waitFor();
    await visit.untilSteady();
  }

  /** A pixel in the liver of lesion 1's slice, far from every lesion and from the border. */
  function quietPlace({ truth: { grid, labels }, sliceOf }: Patient, lesion: Lesion): [number, number] {
    const [columns, rows] = grid.shape;
    const k = sliceOf(lesion);
    const [aroundI, aroundJ] = [1, 0].map((axis) => Math.ceil((2.5 * BRUSH_MM) / grid.spacingMm[axis === 1 ? 0 : 1]));
    for (let j = aroundJ!; j < rows - aroundJ!; j++) {
      for (let i = aroundI!; i < columns - aroundI!; i++) {
        let isQuiet = true;
        for (let dj = -aroundJ!; dj <= aroundJ! && isQuiet; dj++) {
          for (let di = -aroundI!; di <= aroundI! && isQuiet; di++) {
            isQuiet = labels[(k * rows + j + dj) * columns + i + di] === 1;
          }
        }
        if (isQuiet) return [i, j];
      }
    }
    throw new Error('there is no quiet place in this slice');
  }

  async function save(): Promise<void> {
    await visit.part('save').click();
    await visit.part('edit').waitFor({ state: 'detached' });
    await visit.untilShown();
  }

  async function segmentationOf(name: string, { series, objects }: FindingsDocument): Promise<string> {
    const path = join(dir, name);
    await stage.withArchive(async (archive) => {
      for await (const file of archive.retrieveSeries(series.studyInstanceUID, objects.seg!.seriesInstanceUID)) {
        await writeFile(path, file);
      }
    });
    return path;
  }

  for (const [n, [name, geometry]] of Object.entries(SERIES).entries()) {
    const itOften = OFTEN.has(name) ? it : itInFull;
    itOften(`keeps every voxel in its place, and the new lesion where it was drawn: ${name}`, async () => {
      const who = patient(41 + n, geometry);
      const { findings, ...opened } = await open(who);
      const [first] = findings.lesions;
      const place = quietPlace(who, first!);
      const inset = name === IN_THREE_PLANES ? await showThreePlanes(who, first!) : opened.inset;
      await visit.part('correct').click();
      await visit.part('add-lesion').click();
      await dab(who, place, inset);
      if (n === 0) await visit.screenshot('20-correct');
      await save();

      const [correction, original] = await stage.runsOf(who.series);
      assert.deepEqual([correction!.kind, correction!.corrects], ['correction', original!.id]);
      assert.equal(await visit.part('picker').inputValue(), correction!.id);
      const kept = await stage.findings(correction!.id);
      const files = [await segmentationOf('before.dcm', findings), await segmentationOf('after.dcm', kept)];
      const { changed } = (await python('../e2e/compare_segs.py', ...files)) as Comparison;
      const drawn = kept.lesions.find(({ algorithmType }) => algorithmType === 'manual')!;
      assert.equal(kept.lesions.length, findings.lesions.length + 1);
      assert.ok(changed.length > 3, `${changed.length} voxels were drawn`);
      assert.deepEqual(
        changed.filter(([sop, , , , after]) => sop !== first!.sliceUid || after !== drawn.trackingUid),
        [],
        'nothing else has changed',
      );
      const middle = (axis: 1 | 2) => changed.reduce((sum, each) => sum + each[axis], 0) / changed.length;
      const off = Math.hypot(middle(2) - place[0], middle(1) - place[1]);
      assert.ok(off < 1, `it lies ${off.toFixed(2)} pixels from where it was drawn`);
    });
  }

  it('deletes a lesion, and warns before that is lost', async () => {
    const who = patient(41, Object.values(SERIES)[0]);
    const before = await stage.findings((await stage.runsOf(who.series))[0]!.id);
    await visit.openStudy(who.series.studyInstanceUid);
    await visit.untilShown();
    await visit.part('correct').click();
    await visit.page.getByRole('button', { name: 'Delete Lesion 1' }).click();
    await visit.page.locator('[data-cy="hepar-edit"][data-changed="true"]').waitFor();
    const asked = visit.page.waitForEvent('dialog');
    void visit.page.evaluate('location.reload()').catch(() => {});
    const dialog = await asked;
    assert.equal(dialog.type(), 'beforeunload');
    await dialog.dismiss();
    await save();
    const after = await stage.findings((await stage.runsOf(who.series))[0]!.id);
    const [gone, ...others] = before.lesions.map(({ trackingUid }) => trackingUid);
    assert.deepEqual(after.lesions.map(({ trackingUid }) => trackingUid).sort(), others.sort());
    assert.ok(!after.lesions.some(({ trackingUid }) => trackingUid === gone));
  });

  it('discards what was drawn, and shows the result as the archive has it', async () => {
    const lesions = await visit.part('lesions').locator('tbody tr').count();
    await visit.part('correct').click();
    await visit.page.getByRole('button', { name: 'Delete Lesion 1' }).click();
    await visit.part('leave').click();
    await visit.page.getByRole('button', { name: 'Discard', exact: true }).click();
    await visit.untilShown();
    assert.equal(await visit.part('lesions').locator('tbody tr').count(), lesions);
    await visit.part('lesion-1').click();
    await visit.untilColoured();
  });

  it('keeps in the archive who has accepted a result, or rejected it, and why', async () => {
    await visit.part('accept').click();
    await visit.part('send-review').click();
    await visit.page.locator('[data-cy="hepar-review"][data-verdict="accepted"]').waitFor();
    await visit.part('reject').click();
    await visit.page.getByRole('textbox').fill('Lesion 2 is a vessel.');
    await visit.screenshot('21-reject');
    await visit.part('send-review').click();
    await visit.part('review').getByText(`by ${READER.name}`).waitFor();
    await visit.part('review').getByText('Lesion 2 is a vessel.').waitFor();
    await visit.screenshot('22-reviewed');
    const [run] = await stage.runsOf(patient(41, Object.values(SERIES)[0]).series);
    const reviews = (await stage.ask(`segmentations/${run!.id}/reviews`)) as ReviewView[];
    assert.deepEqual(
      reviews.map(({ verdict, reviewer }) => [verdict, reviewer]),
      [['rejected', READER.name]],
      'the latest that this person has said',
    );
    const { seriesInstanceUID, sopInstanceUID } = reviews[0]!.object;
    const stored = await stage.withArchive((archive) =>
      archive.findInstances(run!.studyInstanceUID, seriesInstanceUID),
    );
    assert.ok(stored.includes(sopInstanceUID));
    assert.deepEqual(visit.problems, []);
  });
});
