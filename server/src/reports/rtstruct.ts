import { writePart10 } from '../dicom/write.ts';
import { NOTICE } from '../findings/schema.ts';
import { blankRows } from '../volume/blank-rows.ts';
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

/** Where a label lies: its first and last index along each axis. */
interface Extent {
  readonly i: [number, number];
  readonly j: [number, number];
  readonly k: [number, number];
}

interface Region {
  readonly number: number;
  readonly name: string;
  readonly description: string;
  readonly colour: Rgb;
  readonly isIn: (label: number) => boolean;
  readonly extent: Extent;
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
  const extents = extentsByLabel(segments);
  return [
    {
      number: 1,
      name: 'Liver',
      description: `Liver with its lesions. ${NOTICE}`,
      colour: LIVER_COLOUR,
      isIn: (label) => label > 0,
      extent: around([...extents.values()]),
    },
    ...lesions.map(({ number, segmentNumber, volumeMl }) => ({
      number: segmentNumber,
      name: `Lesion ${number}`,
      description: `Lesion ${number}, ${volumeMl.toFixed(2)} mL. ${NOTICE}`,
      colour: lesionColour(number),
      isIn: (label: number) => label === segmentNumber,
      extent: extents.get(segmentNumber)!,
    })),
  ];
}

function extentsByLabel(segments: SegInput['segments']): Map<number, Extent> {
  const { grid, labels } = segments;
  const [columns, rows, slices] = grid.shape;
  const isBlank = blankRows(segments);
  const found = new Map<number, Extent>();
  for (let row = 0; row < rows * slices; row++) {
    if (isBlank(row)) continue;
    const [j, k] = [row % rows, Math.floor(row / rows)];
    let last = 0;
    for (let i = 0; i < columns; i++) {
      const label = labels[row * columns + i]!;
      // The ends of a run of one label say where it lies.
      if (label === last) continue;
      if (last !== 0) extend(found, last, [i - 1, j, k]);
      if (label !== 0) extend(found, label, [i, j, k]);
      last = label;
    }
    if (last !== 0) extend(found, last, [columns - 1, j, k]);
  }
  return found;
}

function extend(extents: Map<number, Extent>, label: number, [i, j, k]: readonly [number, number, number]): void {
  const extent = extents.get(label);
  if (!extent) {
    extents.set(label, { i: [i, i], j: [j, j], k: [k, k] });
    return;
  }
  // Slices come in order.
  extent.i[0] = Math.min(extent.i[0], i);
  extent.i[1] = Math.max(extent.i[1], i);
  extent.j[0] = Math.min(extent.j[0], j);
  extent.j[1] = Math.max(extent.j[1], j);
  extent.k[1] = k;
}

function around(extents: readonly Extent[]): Extent {
  const ends = (axis: keyof Extent): [number, number] => [
    Math.min(...extents.map((extent) => extent[axis][0])),
    Math.max(...extents.map((extent) => extent[axis][1])),
  ];
  return { i: ends('i'), j: ends('j'), k: ends('k') };
}

function contoursOf(region: Region, { series, segments }: SegInput): object[] {
  const [columns, rows] = segments.grid.shape;
  const contours: object[] = [];
  for (let k = region.extent.k[0]; k <= region.extent.k[1]; k++) {
    const start = k * columns * rows;
    const isSet = (i: number, j: number) => region.isIn(segments.labels[start + j * columns + i]!);
    for (const outline of outlines(columns, rows, isSet, region.extent)) {
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
