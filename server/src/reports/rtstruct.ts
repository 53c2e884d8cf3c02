import { writePart10 } from '../dicom/write.ts';
import { NOTICE } from '../findings/schema.ts';
import { toPatient } from '../volume/geometry.ts';
import { LIVER_COLOUR, lesionColour, type Rgb } from './colours.ts';
import { composite } from './composite.ts';
import { provenanceText } from './provenance.ts';
import { outlines, type PixelPoint } from './rtstruct/contours.ts';
import { instanceReference, instancesOf } from './seg/references.ts';
import type { SegInput } from './seg.ts';
import { dicomText } from './text.ts';

/** RT Structure Set Storage, PS3.4 table B.5-1. */
export const RT_STRUCTURE_SET_STORAGE = '1.2.840.10008.5.1.4.1.1.481.3';
/** Detached Study Management SOP Class, retired: what PS3.3 section C.8.8.5 still wants for the study. */
const STUDY_CLASS = '1.2.840.10008.3.1.2.3.1';
/** A value of VR DS holds fewer than 65,535 bytes with its length in 16 bits (PS3.5 section 7.1.2). */
const MOST_CONTOUR_BYTES = 65_000;

interface Region {
  readonly number: number;
  readonly name: string;
  readonly description: string;
  readonly colour: Rgb;
  readonly isIn: (label: number) => boolean;
  /** Index k of the first slice and of the last one that it can lie in. */
  readonly slices: readonly [number, number];
}

/**
 * Writes the result as an RT Structure Set (PS3.3 section A.19) for planning systems: the whole liver, its lesions
 * included, and each lesion, as closed contours on the source's slices. Inner contours are holes (even-odd).
 * The same input gives the same bytes.
 */
export function buildRtStruct(input: SegInput): Uint8Array {
  const { series } = input;
  const { attributes, raw, created } = composite(input, {
    kind: 'rtstruct',
    sopClassUid: RT_STRUCTURE_SET_STORAGE,
    modality: 'RTSTRUCT',
    seriesDescription: 'Liver and lesions by Hepar (research use only)',
  });
  const regions = regionsOf(input);
  const dataset = {
    ...attributes,
    OperatorsName: '',
    // Frame of Reference, PS3.3 section C.7.4.1
    FrameOfReferenceUID: series.frameOfReferenceUid,
    // Structure Set, PS3.3 section C.8.8.5
    StructureSetLabel: 'LIVER_LESIONS',
    StructureSetDescription: dicomText(provenanceText(input), 1024),
    StructureSetDate: created.date,
    StructureSetTime: created.time,
    ReferencedFrameOfReferenceSequence: [
      {
        FrameOfReferenceUID: series.frameOfReferenceUid,
        RTReferencedStudySequence: [
          {
            ReferencedSOPClassUID: STUDY_CLASS,
            ReferencedSOPInstanceUID: series.studyInstanceUid,
            RTReferencedSeriesSequence: [
              {
                SeriesInstanceUID: series.seriesInstanceUid,
                ContourImageSequence: instancesOf(series).map((instance) => instanceReference(instance)),
              },
            ],
          },
        ],
      },
    ],
    StructureSetROISequence: regions.map(({ number, name, description }) => ({
      ROINumber: String(number),
      ReferencedFrameOfReferenceUID: series.frameOfReferenceUid,
      ROIName: name,
      ROIDescription: dicomText(description, 1024),
      ROIGenerationAlgorithm: 'AUTOMATIC',
      ROIGenerationDescription: dicomText(`${input.manifest.name} ${input.manifest.version}`, 64),
    })),
    // ROI Contour, section C.8.8.6
    ROIContourSequence: regions.map((region) => ({
      ROIDisplayColor: region.colour.map(String),
      ContourSequence: contoursOf(region, input),
      ReferencedROINumber: String(region.number),
    })),
    // RT ROI Observations, section C.8.8.8
    RTROIObservationsSequence: regions.map(({ number }) => ({
      ObservationNumber: String(number),
      ReferencedROINumber: String(number),
      RTROIInterpretedType: number === 1 ? 'ORGAN' : '',
      ROIInterpreter: '',
    })),
    ApprovalStatus: 'UNAPPROVED',
  };
  return writePart10(dataset, { raw });
}

function regionsOf({ lesions, segments }: SegInput): Region[] {
  const slicesOf = slicesByLabel(segments);
  const all = [...slicesOf.values()];
  const whole = [Math.min(...all.map(([first]) => first)), Math.max(...all.map(([, last]) => last))] as const;
  return [
    {
      number: 1,
      name: 'Liver',
      description: `Liver with its lesions. ${NOTICE}`,
      colour: LIVER_COLOUR,
      isIn: (label) => label > 0,
      slices: whole,
    },
    ...lesions.map(({ number, segmentNumber, volumeMl }) => ({
      number: segmentNumber,
      name: `Lesion ${number}`,
      description: `Lesion ${number}, ${volumeMl.toFixed(2)} mL. ${NOTICE}`,
      colour: lesionColour(number),
      isIn: (label: number) => label === segmentNumber,
      slices: slicesOf.get(segmentNumber)!,
    })),
  ];
}

/** The first and the last slice of each label. */
function slicesByLabel({ grid, labels }: SegInput['segments']): Map<number, readonly [number, number]> {
  const pixels = grid.shape[0] * grid.shape[1];
  const found = new Map<number, [number, number]>();
  for (let k = 0; k < grid.shape[2]; k++) {
    let last = 0;
    for (let at = k * pixels; at < (k + 1) * pixels; at++) {
      const label = labels[at]!;
      if (label === 0 || label === last) continue;
      last = label;
      const slices = found.get(label);
      if (slices) slices[1] = k;
      else found.set(label, [k, k]);
    }
  }
  return found;
}

function contoursOf(region: Region, { series, segments }: SegInput): object[] {
  const [columns, rows] = segments.grid.shape;
  const contours: object[] = [];
  for (let k = region.slices[0]; k <= region.slices[1]; k++) {
    const start = k * columns * rows;
    const isSet = (i: number, j: number) => region.isIn(segments.labels[start + j * columns + i]!);
    for (const outline of outlines(columns, rows, isSet)) {
      const points = outline.map((point) => placed(point, k, segments));
      contours.push({
        ContourImageSequence: [instanceReference(series.slices[k]!)],
        ContourGeometricType: 'CLOSED_PLANAR',
        ...contourData(points),
      });
    }
  }
  return contours;
}

/** Coordinates of a point as decimal strings: hundredths of a millimetre. */
function placed([i, j]: PixelPoint, k: number, { grid }: SegInput['segments']): string {
  return toPatient(grid, [i, j, k])
    .map((mm) => mm.toFixed(2))
    .join('\\');
}

/** An outline of thousands of corners is thinned out until its value can be written. */
function contourData(points: readonly string[]): object {
  let kept = points;
  while (kept.reduce((bytes, point) => bytes + point.length + 1, 0) > MOST_CONTOUR_BYTES) {
    kept = kept.filter((_, n) => n % 2 === 0);
  }
  return {
    NumberOfContourPoints: String(kept.length),
    ContourData: kept.flatMap((point) => point.split('\\')),
  };
}
