import { CODES } from '../dicom/codes.ts';
import { writePart10 } from '../dicom/write.ts';
import { composite } from './composite.ts';
import { MANUFACTURER, provenanceText } from './provenance.ts';
import { instancesOf } from './seg/references.ts';
import { CONCEPTS } from './sr/concepts.ts';
import { code, container, type Item, image, related, text, uidReference } from './sr/content.ts';
import { comparisonGroups, lesionGroup, lesionsGroup, liverGroup, parenchymaGroup } from './sr/groups.ts';
import type { SrInput } from './sr/input.ts';
import { dicomText } from './text.ts';
import { modelUid } from './uids.ts';

/** Comprehensive 3D SR Storage, PS3.4 table B.5-1. */
export const COMPREHENSIVE_3D_SR_STORAGE = '1.2.840.10008.5.1.4.1.1.88.34';

/**
 * Writes the measurements as a Part 10 file of the Comprehensive 3D SR IOD (PS3.3 section A.35.13): a measurement
 * report by TID 1500. Its groups: the liver, all lesions together (present or absent, number, total volume), the liver's
 * segment, and each lesion, by falling volume. They refer to the run's SEG. The same input gives the same bytes.
 */
export function buildSr(input: SrInput): Uint8Array {
  const { attributes, raw, created } = composite(input, {
    kind: 'sr',
    sopClassUid: COMPREHENSIVE_3D_SR_STORAGE,
    modality: 'SR',
    seriesDescription: 'Liver lesion measurements by Hepar (research use only)',
  });
  const dataset = {
    ...attributes,
    // SR Document Series, PS3.3 section C.17.1
    ReferencedPerformedProcedureStepSequence: [],
    // SR Document General, section C.17.2
    ContentDate: created.date,
    ContentTime: created.time,
    CompletionFlag: 'COMPLETE',
    VerificationFlag: 'UNVERIFIED',
    PerformedProcedureCodeSequence: [],
    CurrentRequestedProcedureEvidenceSequence: evidence(input),
    ...measurementReport(input),
  };
  return writePart10(dataset, { raw });
}

/** The root of the content tree: TID 1500. */
function measurementReport(input: SrInput): Item {
  const { findings } = input;
  const groups = [
    liverGroup(input),
    lesionsGroup(input),
    parenchymaGroup(input),
    ...findings.lesions.map((lesion) => lesionGroup(lesion, input)),
    ...comparisonGroups(input),
  ];
  return container(CONCEPTS.imagingMeasurementReport, '1500', [
    ...related('HAS CONCEPT MOD', [code(CONCEPTS.language, CONCEPTS.english)]),
    ...related('HAS OBS CONTEXT', observer(input)),
    ...related('HAS CONCEPT MOD', [code(CONCEPTS.procedureReported, CONCEPTS.ctUnspecified)]),
    ...related('CONTAINS', [
      imageLibrary(input),
      container(CONCEPTS.imagingMeasurements, null, related('CONTAINS', groups)),
      text(CONCEPTS.comment, provenanceText(input)),
    ]),
  ]);
}

/** Device Observer Identifying Attributes, TID 1004: the model, running on this software. */
function observer({ modelDigest, manifest }: SrInput): Item[] {
  return [
    code(CONCEPTS.observerType, CONCEPTS.device),
    uidReference(CONCEPTS.deviceObserverUid, modelUid(modelDigest)),
    text(CONCEPTS.deviceObserverName, 'Hepar companion server'),
    text(CONCEPTS.deviceObserverManufacturer, MANUFACTURER),
    text(CONCEPTS.deviceObserverModelName, dicomText(manifest.name, 64)),
    text(CONCEPTS.deviceObserverSerialNumber, modelDigest),
  ];
}

/** The images that were analysed: TID 1600, with the descriptors that they share. */
function imageLibrary({ series }: SrInput): Item {
  const group = container(CONCEPTS.imageLibraryGroup, null, [
    ...related('HAS ACQ CONTEXT', [
      code(CONCEPTS.modality, CONCEPTS.computedTomography),
      code(CONCEPTS.targetRegion, CODES.liver),
      uidReference(CONCEPTS.frameOfReferenceUid, series.frameOfReferenceUid),
    ]),
    ...related(
      'CONTAINS',
      instancesOf(series).map((instance) => image(null, instance)),
    ),
  ]);
  return container(CONCEPTS.imageLibrary, '1600', related('CONTAINS', [group]));
}

/** Every object that the report refers to, by its series (section C.17.2.3). */
function evidence({ series, segmentations }: SrInput): object[] {
  const referenced = (
    seriesInstanceUid: string,
    instances: readonly { sopClassUid: string; sopInstanceUid: string }[],
  ) => ({
    SeriesInstanceUID: seriesInstanceUid,
    ReferencedSOPSequence: instances.map(({ sopClassUid, sopInstanceUid }) => ({
      ReferencedSOPClassUID: sopClassUid,
      ReferencedSOPInstanceUID: sopInstanceUid,
    })),
  });
  const objects = [segmentations.lesions, segmentations.liver].filter((object) => object !== null);
  const byUid = new Map(objects.map((object) => [object.sopInstanceUid, object]));
  return [
    {
      StudyInstanceUID: series.studyInstanceUid,
      ReferencedSeriesSequence: [
        referenced(series.seriesInstanceUid, instancesOf(series)),
        ...Array.from(byUid.values(), (object) => referenced(object.seriesInstanceUid, [object])),
      ],
    },
  ];
}
