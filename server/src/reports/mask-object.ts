import { writePart10 } from '../dicom/write.ts';
import { dot } from '../volume/geometry.ts';
import { composite } from './composite.ts';
import { lesionMask } from './masks.ts';
import { provenanceText } from './provenance.ts';
import { referencedSeries, sourceImages } from './seg/references.ts';
import { lossyCompression, type SegInput } from './seg.ts';
import { decimalString } from './text.ts';

/** Multi-frame Grayscale Byte Secondary Capture Image Storage, PS3.4 table B.5-1. */
export const GRAYSCALE_BYTE_CAPTURE_STORAGE = '1.2.840.10008.5.1.4.1.1.7.2';

/**
 * The black-and-white mask of the lesions as an image that every viewer shows (PS3.3 section A.8.3): a frame for each
 * slice of the source along the normal, in its rows and columns, 255 where there is a lesion.
 */
export function buildMaskObject(input: Omit<SegInput, 'lesions'>): Uint8Array {
  const { series, segments } = input;
  const { attributes, raw, created } = composite(input, {
    kind: 'mask',
    sopClassUid: GRAYSCALE_BYTE_CAPTURE_STORAGE,
    modality: 'OT',
    seriesDescription: 'Liver lesion mask by Hepar (research use only)',
  });
  const { shape, spacingMm, axes } = segments.grid;
  const [columns, rows, slices] = shape;
  const dataset = {
    ...attributes,
    Laterality: '',
    // SC Equipment, PS3.3 section C.8.6.1
    ConversionType: 'WSD',
    // General Image, section C.7.6.1
    ImageType: ['DERIVED', 'SECONDARY'],
    PatientOrientation: '',
    ContentDate: created.date,
    ContentTime: created.time,
    ImageComments: provenanceText(input),
    DerivationDescription: 'Lesions of the liver: 255; all else: 0',
    SourceImageSequence: sourceImages(series.slices),
    // Common Instance Reference, section C.12.2
    ReferencedSeriesSequence: referencedSeries(series),
    ...lossyCompression(series),
    BurnedInAnnotation: 'NO',
    // Image Pixel, Multi-frame, SC Multi-frame Image and Vector, sections C.7.6.3, C.7.6.6, C.8.6.3 and C.8.6.4
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    Rows: rows,
    Columns: columns,
    BitsAllocated: 8,
    BitsStored: 8,
    HighBit: 7,
    PixelRepresentation: 0,
    NumberOfFrames: String(slices),
    FrameIncrementPointer: 0x00182005,
    PresentationLUTShape: 'IDENTITY',
    RescaleIntercept: '0',
    RescaleSlope: '1',
    RescaleType: 'US',
    PixelSpacing: [decimalString(spacingMm[1]), decimalString(spacingMm[0])],
    PixelSpacingCalibrationType: 'GEOMETRY',
    PixelSpacingCalibrationDescription: 'Of the source images',
    SliceLocationVector: series.slices.map(({ positionMm }) =>
      decimalString(Number(dot(positionMm, axes[2]).toFixed(4))),
    ),
  };
  return writePart10(dataset, { raw: [...raw, { tag: '7fe00010', vr: 'OB', value: lesionMask(segments) }] });
}
