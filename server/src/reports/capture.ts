import { writePart10 } from '../dicom/write.ts';
import type { CtSeries } from '../volume/series.ts';
import { type CompositeInput, composite } from './composite.ts';
import type { Sheet } from './preview.ts';
import { type Provenance, provenanceText } from './provenance.ts';
import { instancesOf, referencedSeries, sourceImages } from './seg/references.ts';
import { lossyCompression } from './seg.ts';
import { dicomText } from './text.ts';

/** Secondary Capture Image Storage, PS3.4 table B.5-1. */
export const SECONDARY_CAPTURE_STORAGE = '1.2.840.10008.5.1.4.1.1.7';

export interface CaptureInput extends CompositeInput, Provenance {
  readonly series: CtSeries;
}

/**
 * A picture of a series of Secondary Capture images (PS3.3 section A.8.1) for viewers that know no segmentation: the
 * montage, then each lesion's slice and the overview, large. RGB, uncompressed. The same input gives the same bytes.
 * @param number of the picture in the series, from 1
 */
export function buildCapture(input: CaptureInput, { canvas, tiles }: Sheet, number: number): Uint8Array {
  const { width, height, rgb } = canvas;
  const areSlices = tiles.every(({ view }) => view.through === 2);
  const sources = areSlices ? tiles.map(({ at }) => input.series.slices[at]!) : instancesOf(input.series);
  const { attributes, raw, created } = composite(input, {
    kind: 'capture',
    number,
    sopClassUid: SECONDARY_CAPTURE_STORAGE,
    modality: 'OT',
    seriesDescription: 'Liver lesion pictures by Hepar (research use only)',
  });
  const dataset = {
    ...attributes,
    // SC Equipment, PS3.3 section C.8.6.1
    ConversionType: 'WSD',
    // General Image, section C.7.6.1
    ImageType: ['DERIVED', 'SECONDARY'],
    PatientOrientation: '',
    Laterality: '',
    ContentDate: created.date,
    ContentTime: created.time,
    ImageComments: provenanceText(input),
    DerivationDescription: dicomText(tiles.map(({ caption }) => caption).join('; '), 1024),
    SourceImageSequence: sourceImages(sources),
    // Common Instance Reference, section C.12.2
    ReferencedSeriesSequence: referencedSeries(input.series),
    ...lossyCompression(input.series),
    // Says whether it names the patient, which it does not.
    BurnedInAnnotation: 'NO',
    // Image Pixel, section C.7.6.3
    SamplesPerPixel: 3,
    PhotometricInterpretation: 'RGB',
    PlanarConfiguration: 0,
    Rows: height,
    Columns: width,
    BitsAllocated: 8,
    BitsStored: 8,
    HighBit: 7,
    PixelRepresentation: 0,
  };
  return writePart10(dataset, { raw: [...raw, { tag: '7fe00010', vr: 'OB', value: rgb }] });
}
