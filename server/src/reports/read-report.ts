import type { Dataset } from '../dicom/dataset.ts';
import { parseInstance } from '../dicom/parse.ts';
import type { ArchivedRun } from './archived-run.ts';
import { objectTime } from './date-time.ts';
import { provenanceOf } from './provenance.ts';
import { objectUids } from './uids.ts';

/** Concepts of TID 1500, 1411 and 4019 (PS3.16). */
const CONCEPT = {
  imagingMeasurements: '126010',
  algorithmVersion: '111003',
  algorithmParameters: '111002',
  trackingUid: '112040',
  certainty: '111012',
} as const;

/** @returns null for anything but a report that this software made of a result */
export function readReport(part10: Uint8Array): ArchivedRun | null {
  const { dataset } = parseInstance(part10);
  const provenance = provenanceOf(dataset);
  if (provenance === null) return null;
  const ours = objectUids(provenance.runId, 'seg').seriesInstanceUID;
  const source = dataset
    .items('0040a375')
    .flatMap((study) => study.items('00081115'))
    .find((series) => series.text('0020000e') !== ours);
  const groups = dataset
    .items('0040a730')
    .filter((item) => conceptOf(item) === CONCEPT.imagingMeasurements)
    .flatMap((item) => item.items('0040a730'));
  const stated = (concept: string) => groups.map((group) => child(group, concept)?.text('0040a160')).find(Boolean);
  const [, id, digest, provider, device] =
    /^model=(.+?); sha256=([0-9a-f]+); provider=(cpu|cuda|webgpu); device=(.*)$/.exec(
      stated(CONCEPT.algorithmParameters) ?? '',
    ) ?? [];
  const createdAt = objectTime(dataset);
  const seriesInstanceUid = source?.text('0020000e');
  const studyInstanceUid = dataset.text('0020000d');
  if (!id || !digest || !source || !seriesInstanceUid || !studyInstanceUid || !createdAt) return null;
  return {
    ...provenance,
    studyInstanceUid,
    seriesInstanceUid,
    instances: source.items('00081199').flatMap((item) => item.text('00081155') ?? []),
    model: { id, version: stated(CONCEPT.algorithmVersion) ?? '', digest },
    engine: { provider: provider as ArchivedRun['engine']['provider'], device: device ?? '' },
    createdAt,
    confidences: Object.fromEntries(groups.flatMap(confidenceOf)),
  };
}

function confidenceOf(group: Dataset): [trackingUid: string, confidence: number][] {
  const trackingUid = child(group, CONCEPT.trackingUid)?.text('0040a124');
  const percent = child(group, CONCEPT.certainty)?.items('0040a300')[0]?.number('0040a30a');
  return trackingUid && percent !== null && percent !== undefined
    ? [[trackingUid, Number((percent / 100).toFixed(3))]]
    : [];
}

function child(item: Dataset, concept: string): Dataset | undefined {
  return item.items('0040a730').find((each) => conceptOf(each) === concept);
}

function conceptOf(item: Dataset): string | null {
  return item.items('0040a043')[0]?.text('00080100') ?? null;
}
