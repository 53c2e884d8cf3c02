import { CODES, type Code } from '../../dicom/codes.ts';
import { derivedUid } from '../../dicom/uid.ts';
import type { Lesion } from '../../findings/schema.ts';
import type { SourceSlice } from '../../volume/volume.ts';
import { algorithmParameters } from '../seg/segments.ts';
import { dicomText } from '../text.ts';
import { changeItems, comparisonItems, comparisonUid } from './comparison.ts';
import { CONCEPTS, UNITS } from './concepts.ts';
import {
  code,
  container,
  type Item,
  image,
  numeric,
  polyline3d,
  type Reference,
  related,
  text,
  uidReference,
} from './content.ts';
import type { SrInput } from './input.ts';

/** What a measurement group is about. */
interface Subject {
  readonly trackingId: string;
  readonly trackingUid: string;
  readonly finding: Code;
  /** Whether a person drew it, so that no algorithm found it. */
  readonly isManual?: boolean;
}

/**
 * A lesion: volumetric ROI measurements (PS3.16 TID 1411) that refer to its segment, under the segment's tracking UID.
 * Both diameters are inferred from the slice that they were measured on, the long one also from its two end points.
 */
export function lesionGroup(lesion: Lesion, input: SrInput): Item {
  const { series, manifest } = input;
  const subject = {
    trackingId: `Lesion ${lesion.number}`,
    trackingUid: lesion.trackingUid,
    finding: manifest.labels.lesion.type,
    isManual: lesion.algorithmType === 'manual',
  };
  const slice = sliceOf(lesion, input);
  const onSlice = related('INFERRED FROM', [image(CONCEPTS.sourceOfMeasurement, slice)]);
  const line = related('INFERRED FROM', [
    polyline3d(CONCEPTS.sourceOfMeasurement, series.frameOfReferenceUid, lesion.longAxisEndsMm),
  ]);
  const derived = (how: Code) => related('HAS CONCEPT MOD', [code(CONCEPTS.derivation, how)]);
  return group('1411', subject, input, [
    ...segmentReference(lesion.segmentNumber, input),
    numeric(CONCEPTS.volume, lesion.volumeMl, UNITS.millilitre),
    numeric(CONCEPTS.longAxis, lesion.longAxisMm, UNITS.millimetre, [...line, ...onSlice]),
    numeric(CONCEPTS.shortAxis, lesion.shortAxisMm, UNITS.millimetre, onSlice),
    numeric(CONCEPTS.attenuation, lesion.meanHu, UNITS.hounsfield, derived(CONCEPTS.mean)),
    numeric(CONCEPTS.attenuation, lesion.huSd, UNITS.hounsfield, derived(CONCEPTS.standardDeviation)),
    ...certainty(lesion),
    ...changeItems(lesion.number, input.comparison ?? null),
  ]);
}

/** The scan read against an earlier one (TID 1501); none where it was not. */
export function comparisonGroups(input: SrInput): Item[] {
  const { comparison, runId, manifest } = input;
  if (!comparison) return [];
  const subject = {
    trackingId: 'Comparison with an earlier scan',
    trackingUid: comparisonUid(runId, comparison),
    finding: manifest.labels.lesion.type,
  };
  return [group('1501', subject, input, comparisonItems(comparison))];
}

/** The liver without its lesions, which is a segment of its own (TID 1411). */
export function parenchymaGroup(input: SrInput): Item {
  const subject = {
    trackingId: 'Liver without lesions',
    trackingUid: derivedUid('hepar', input.runId, 'liver-without-lesions'),
    finding: CODES.liver,
  };
  // Without a region there is nothing for TID 1411 to refer to.
  return group(input.segmentations.liver === null ? '1501' : '1411', subject, input, [
    ...segmentReference(1, input),
    numeric(CONCEPTS.volume, input.findings.liver.parenchymaMl, UNITS.millilitre),
  ]);
}

/** The whole liver, its lesions included (TID 1501). */
export function liverGroup(input: SrInput): Item {
  const subject = {
    trackingId: 'Liver',
    trackingUid: derivedUid('hepar', input.runId, 'liver'),
    finding: CODES.liver,
  };
  return group('1501', subject, input, [numeric(CONCEPTS.volume, input.findings.liver.volumeMl, UNITS.millilitre)]);
}

/** All lesions together (TID 1501): whether there are any, how many, and their total volume. */
export function lesionsGroup(input: SrInput): Item {
  const { lesions, lesionBurdenMl } = input.findings;
  const finding = input.manifest.labels.lesion.type;
  const subject = {
    trackingId: 'Liver lesions',
    trackingUid: derivedUid('hepar', input.runId, 'liver-lesions'),
    finding,
  };
  return group('1501', subject, input, [
    numeric(CONCEPTS.numberOfLesions, lesions.length, UNITS.lesions),
    numeric(
      CONCEPTS.volume,
      lesionBurdenMl,
      UNITS.millilitre,
      related('HAS CONCEPT MOD', [code(CONCEPTS.derivation, CONCEPTS.total)]),
    ),
    code(finding, lesions.length > 0 ? CONCEPTS.present : CONCEPTS.absent),
  ]);
}

/** A measurement group: who is tracked, what it is and where, and what found it, before what was measured. */
function group(template: '1411' | '1501', subject: Subject, input: SrInput, content: readonly Item[]): Item {
  return container(CONCEPTS.measurementGroup, template, [
    ...related('HAS OBS CONTEXT', [
      text(CONCEPTS.trackingIdentifier, subject.trackingId),
      uidReference(CONCEPTS.trackingUniqueIdentifier, subject.trackingUid),
    ]),
    ...related('CONTAINS', [code(CONCEPTS.finding, subject.finding)]),
    ...related('HAS CONCEPT MOD', [
      code(CONCEPTS.findingSite, CODES.liver),
      ...(subject.isManual ? [] : algorithm(input)),
    ]),
    ...related('CONTAINS', content),
  ]);
}

/** Algorithm Identification, TID 4019. */
function algorithm(input: SrInput): Item[] {
  return [
    text(CONCEPTS.algorithmName, dicomText(input.manifest.name, 64)),
    text(CONCEPTS.algorithmVersion, dicomText(input.manifest.version, 64)),
    text(CONCEPTS.algorithmParameters, algorithmParameters(input)),
  ];
}

/** None where the segment's voxels are in no object. */
function segmentReference(segmentNumber: number, { series, segmentations }: SrInput): Item[] {
  const segmentation = segmentNumber === 1 ? segmentations.liver : segmentations.lesions;
  if (segmentation === null) return [];
  return [
    image(CONCEPTS.referencedSegment, { ...segmentation, segmentNumber }),
    uidReference(CONCEPTS.sourceSeriesForSegmentation, series.seriesInstanceUid),
  ];
}

/** The model's confidence as a percentage, by the definition of the code; what a person drew has none. */
function certainty({ confidence }: Lesion): Item[] {
  if (confidence === null) return [];
  return [numeric(CONCEPTS.certaintyOfFinding, Number((confidence * 100).toFixed(1)), UNITS.percent)];
}

/** The slice that the diameters were measured on. */
function sliceOf({ sliceUid, sliceFrame }: Lesion, { series }: SrInput): Reference {
  const isIt = ({ sopInstanceUid, frameNumber }: SourceSlice): boolean =>
    sopInstanceUid === sliceUid && frameNumber === sliceFrame;
  const slice = series.slices.find(isIt);
  if (!slice) throw new RangeError(`slice ${sliceUid} is none of the series`);
  return slice;
}
