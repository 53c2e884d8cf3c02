import { collectSeries, makePhantomSeries } from '../../server/src/phantom/series.ts';

/** A study of one small CT series that can be segmented. */
export interface SmallStudy {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly files: readonly Uint8Array[];
}

const GEOMETRY = { rows: 64, columns: 64, slices: 24, pixelSpacingMm: [5.6, 5.6] as const, sliceSpacingMm: 8 };
const DIGITS = 6;

/** Its end is replaced by the number of the study. */
const PATIENT = `SMALL-${'0'.repeat(DIGITS)}`;

/**
 * As many studies as are asked for: all of one phantom, each with UIDs and a patient of its own.
 * @param attributes of the patient and the study, by keyword; of a Patient ID the last six characters are the study's
 */
export function* smallStudies(
  count: number,
  attributes: Readonly<Record<string, unknown>> = {},
  first = 0,
): Generator<SmallStudy> {
  const phantom = makePhantomSeries({
    seed: 3,
    lesions: 1,
    geometry: GEOMETRY,
    attributes: { PatientID: PATIENT, ...attributes },
  });
  const { instances } = collectSeries(phantom);
  const files = instances.map(({ bytes }) => Buffer.from(bytes).toString('latin1'));
  const { studyInstanceUid, seriesInstanceUid, frameOfReferenceUid } = phantom;
  const names = [
    String(attributes.PatientID ?? PATIENT),
    studyInstanceUid,
    seriesInstanceUid,
    frameOfReferenceUid,
    ...instances.map((each) => each.sopInstanceUid),
  ];
  for (let index = first; index < first + count; index++) {
    // Of the same length, so that nothing else of a file changes.
    const own = (name: string) => name.slice(0, -DIGITS) + String(index).padStart(DIGITS, '0');
    yield {
      studyInstanceUid: own(studyInstanceUid),
      seriesInstanceUid: own(seriesInstanceUid),
      files: files.map((file) =>
        Buffer.from(
          names.reduce((text, name) => text.replaceAll(name, own(name)), file),
          'latin1',
        ),
      ),
    };
  }
}
