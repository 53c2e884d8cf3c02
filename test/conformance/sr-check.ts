import assert from 'node:assert/strict';
import type { Findings } from '../../server/src/findings/measure.ts';
import type { FindingsDocument } from '../../server/src/findings/schema.ts';
import type { CtSeries } from '../../server/src/volume/series.ts';
import { MANIFEST } from '../unit/reports/fake-series.ts';

interface ImageReference {
  readonly uid: string;
  readonly class: string;
  readonly segment: number | null;
  readonly frame: number | null;
}

/** What read_sr.py finds in a report. */
export interface ReadReport {
  readonly sopClass: string;
  readonly root: string;
  readonly template: string;
  readonly flags: readonly string[];
  readonly study: string;
  readonly language: readonly string[];
  readonly observer: readonly string[];
  /** Of the observer: UID, manufacturer and model name, by the code of their concept. */
  readonly device: Readonly<Record<string, readonly string[]>>;
  /** Contributing equipment, told in the same way. */
  readonly equipment: readonly object[];
  readonly comment: string;
  readonly library: readonly string[];
  readonly groups: readonly {
    readonly template: string;
    readonly trackingUid: string;
    readonly trackingId: string;
    readonly finding: string;
    readonly site: readonly string[];
    readonly algorithm: readonly [name: string, version: string, parameters: string];
    readonly segments: readonly ImageReference[];
    readonly sourceSeries: readonly string[];
    readonly measurements: readonly {
      readonly concept: string;
      readonly value: number;
      readonly unit: string;
      readonly derivation: string | null;
      readonly lines: readonly { frameOfReference: string; type: string; points: readonly number[][] }[];
      readonly images: readonly ImageReference[];
    }[];
    readonly evaluations: Readonly<Record<string, string>>;
  }[];
  readonly evidenceSeries: readonly string[];
  readonly problems: readonly string[];
}

const VOLUME = '118565006|SCT';
const LONG_AXIS = '103339001|SCT';
const SHORT_AXIS = '103340004|SCT';
const ATTENUATION = '112031|DCM';
const CERTAINTY = '111012|DCM';
const NUMBER_OF_LESIONS = '246206008|SCT';
const LIVER = '10200004|SCT';
const MASS = '4147007|SCT';
const MEAN = '373098007|SCT';
const STANDARD_DEVIATION = '386136009|SCT';
const TOTAL = '255619001|SCT';
const PRESENT = '52101004|SCT';
const ABSENT = '272519000|SCT';

/** Fails unless the report says exactly what was found, of the right series, segments and places. */
export function assertReports(
  report: ReadReport,
  findings: Findings,
  series: CtSeries,
  uids: FindingsDocument['objects'],
): void {
  assert.deepEqual(report.problems, []);
  assert.deepEqual([report.root, report.template], ['126000|DCM', '1500']);
  assert.equal(report.sopClass, '1.2.840.10008.5.1.4.1.1.88.34');
  assert.deepEqual(report.flags, ['COMPLETE', 'UNVERIFIED']);
  assert.equal(report.study, series.studyInstanceUid);
  assert.deepEqual([report.language, report.observer], [['en|RFC5646'], ['121007|DCM']]);
  const { name, version } = MANIFEST;
  assert.deepEqual(
    report.equipment,
    [{ purpose: '109102|DCM', ...report.device, version }],
    'the contributing equipment is another device than the observer',
  );
  assert.deepEqual(report.device['121015'], [name]);
  assert.match(report.comment, /Research use only\. Not a medical device/);
  assert.deepEqual(new Set(report.library), new Set(series.slices.map(({ sopInstanceUid }) => sopInstanceUid)));
  assert.deepEqual(
    report.evidenceSeries,
    [series.seriesInstanceUid, uids.seg!.seriesInstanceUID].sort(),
    'evidence of other series',
  );

  const [liver, all, parenchyma, ...lesions] = report.groups;
  assert.deepEqual(numbersOf(liver!), [[VOLUME, findings.liver.volumeMl, 'ml', null]]);
  assert.equal(liver!.finding, LIVER);
  assert.deepEqual(numbersOf(all!), [
    [NUMBER_OF_LESIONS, findings.lesions.length, '{lesions}', null],
    [VOLUME, findings.lesionBurdenMl, 'ml', TOTAL],
  ]);
  assert.deepEqual(all!.evaluations, { [MASS]: findings.lesions.length > 0 ? PRESENT : ABSENT });
  assert.deepEqual(numbersOf(parenchyma!), [[VOLUME, findings.liver.parenchymaMl, 'ml', null]]);
  assert.equal(parenchyma!.segments[0]!.segment, 1);

  assert.equal(lesions.length, findings.lesions.length);
  for (const [n, lesion] of findings.lesions.entries()) {
    const group = lesions[n]!;
    assert.deepEqual([group.trackingUid, group.trackingId], [lesion.trackingUid, `Lesion ${lesion.number}`]);
    assert.deepEqual([group.template, group.finding, group.site], ['1411', MASS, [LIVER]]);
    assert.deepEqual(group.segments, [
      {
        uid: uids.seg!.sopInstanceUID,
        class: '1.2.840.10008.5.1.4.1.1.66.4',
        segment: lesion.segmentNumber,
        frame: null,
      },
    ]);
    assert.deepEqual(group.sourceSeries, [series.seriesInstanceUid]);
    assert.deepEqual(numbersOf(group), [
      [VOLUME, lesion.volumeMl, 'ml', null],
      [LONG_AXIS, lesion.longAxisMm, 'mm', null],
      [SHORT_AXIS, lesion.shortAxisMm, 'mm', null],
      [ATTENUATION, lesion.meanHu, "[hnsf'U]", MEAN],
      [ATTENUATION, lesion.huSd, "[hnsf'U]", STANDARD_DEVIATION],
      [CERTAINTY, Number((100 * lesion.confidence!).toFixed(1)), '%', null],
    ]);
    const [, long] = group.measurements;
    const [line] = long!.lines;
    assert.deepEqual([line!.type, line!.frameOfReference], ['POLYLINE', series.frameOfReferenceUid]);
    const [a, b] = line!.points as [number[], number[]];
    for (const [end, point] of [a, b].entries()) {
      lesion.longAxisEndsMm[end]!.forEach((mm, axis) => {
        assert.ok(Math.abs(mm - point[axis]!) < 1e-3, `end ${end} is off by ${mm - point[axis]!} mm`);
      });
    }
    assert.ok(Math.abs(Math.hypot(...a.map((mm, axis) => mm - b[axis]!)) - lesion.longAxisMm) < 0.03, 'ends too far');
    const slice = series.slices.find(
      ({ sopInstanceUid, frameNumber }) =>
        sopInstanceUid === long!.images[0]!.uid && frameNumber === long!.images[0]!.frame,
    );
    assert.equal(slice?.sopInstanceUid, lesion.sliceUid);
    const offPlane = series.volume.grid.axes[2].reduce(
      (sum, part, axis) => sum + part * (a[axis]! - slice!.positionMm[axis]!),
      0,
    );
    assert.ok(Math.abs(offPlane) < 0.02, `the long axis lies ${offPlane} mm off the slice that it names`);
    assert.deepEqual(group.algorithm.slice(0, 2), [MANIFEST.name, MANIFEST.version]);
    assert.ok(group.algorithm[2].includes(`sha256=${'a1'.repeat(32)}`));
  }
}

function numbersOf(group: ReadReport['groups'][number]): (string | number | null)[][] {
  return group.measurements.map(({ concept, value, unit, derivation }) => [concept, value, unit, derivation]);
}
