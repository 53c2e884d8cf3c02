import { z } from 'zod';
import type { Ask } from './client.ts';
import { BrokenTransfer, NotFound } from './errors.ts';

/** What the header of one image says that tells its series from others; null or [] is what it does not say. */
export interface ImageSummary {
  readonly imageType: readonly string[];
  readonly frames: number | null;
  /** Image Orientation (Patient): direction cosines along a row and down a column. */
  readonly orientation: readonly number[];
  readonly sliceThicknessMm: number | null;
  readonly sliceSpacingMm: number | null;
  readonly rescaleType: string | null;
  readonly protocol: string | null;
  readonly bodyPart: string | null;
  readonly kernel: string | null;
  readonly contrastAgent: string | null;
  readonly manufacturer: string | null;
  readonly institution: string | null;
  /** DA: YYYYMMDD. */
  readonly studyDate: string | null;
}

const values = z.object({ Value: z.array(z.unknown()).optional() }).optional();
/** DICOM JSON, PS3.18 annex F. */
const metadata = z.tuple([z.record(z.string(), z.unknown())]).rest(z.unknown());

/**
 * The header of one image (RetrieveInstanceMetadata, PS3.18 section 10.4).
 * @throws NotFound, and the other errors of errors.ts
 */
export function describeInstance(
  ask: Ask,
  root: string,
  uids: { readonly study: string; readonly series: string; readonly instance: string },
  signal?: AbortSignal,
): Promise<ImageSummary> {
  const { study, series, instance } = uids;
  const url = `${root}/studies/${study}/series/${series}/instances/${instance}/metadata`;
  return ask(
    (client, request) =>
      client.retrieveInstanceMetadata({
        studyInstanceUID: study,
        seriesInstanceUID: series,
        sopInstanceUID: instance,
        request,
      }),
    ({ failure, response }) => {
      if (failure !== null) throw failure;
      const parsed = metadata.safeParse(response);
      if (!parsed.success) {
        if (Array.isArray(response) && response.length === 0) throw new NotFound(url);
        throw new BrokenTransfer(url, 'it is not metadata in DICOM JSON', { transient: false });
      }
      return summaryOf(parsed.data[0]);
    },
    signal,
  );
}

function summaryOf(dataset: Readonly<Record<string, unknown>>): ImageSummary {
  const all = (tag: string) => values.safeParse(dataset[tag]).data?.Value ?? [];
  const texts = (tag: string) => all(tag).filter((value) => typeof value === 'string');
  const text = (tag: string) => texts(tag)[0]?.trim() || null;
  // Some archives write the numbers of DS and IS as text.
  const numbers = (tag: string) => all(tag).map(Number).filter(Number.isFinite);
  const number = (tag: string) => numbers(tag)[0] ?? null;
  return {
    imageType: texts('00080008').map((value) => value.trim().toUpperCase()),
    frames: number('00280008'),
    orientation: numbers('00200037'),
    sliceThicknessMm: number('00180050'),
    sliceSpacingMm: number('00180088'),
    rescaleType: text('00281054'),
    protocol: text('00181030'),
    bodyPart: text('00180015'),
    kernel: texts('00181210').join(' ').trim() || null,
    contrastAgent: text('00180010'),
    manufacturer: text('00080070'),
    institution: text('00080080'),
    studyDate: text('00080020'),
  };
}
