import { readFile } from 'node:fs/promises';
import { adaptersSEG } from '@cornerstonejs/adapters';
import { cache, metaData } from '@cornerstonejs/core';
import type { CtSeries } from '../../server/src/volume/series.ts';
import type { LabelMap } from '../../server/src/volume/volume.ts';
import { isByteAligned } from './dcmqi.ts';

/**
 * Has @cornerstonejs/adapters, by which OHIF reads segmentations, put one on the images of its series, and counts the
 * voxels that it labels otherwise. null where it refuses the file: it does so when the bits of all frames do not fill an
 * even number of bytes, and takes the padding that the standard asks for to be a fault.
 */
export async function differentInAdapters(file: string, series: CtSeries, segments: LabelMap): Promise<number | null> {
  const { buffer, byteOffset, byteLength } = await readFile(file);
  const images = imagesOf(series);
  const provider = (type: string, imageId: unknown) => images.get(imageId as string)?.[type];
  metaData.addProvider(provider, 1000);
  try {
    const { labelMapImages } = await adaptersSEG.Cornerstone3D.Segmentation.createFromDICOMSegBuffer(
      [...images.keys()],
      buffer.slice(byteOffset, byteOffset + byteLength),
      { metadataProvider: metaData },
    );
    return countDifferent(labelMapImages, segments);
  } catch (error) {
    if (!isByteAligned(segments.grid) && /Unexpected 1-bit SEG PixelData length/.test((error as Error).message))
      return null;
    throw error;
  } finally {
    metaData.removeProvider(provider);
    cache.purgeCache();
  }
}

type Modules = Readonly<Record<string, object>>;

/** The images of the series, and what a viewer would tell of each. */
function imagesOf(series: CtSeries): Map<string, Modules> {
  const { grid } = series.volume;
  const [columns, rows] = grid.shape;
  const [rowCosines, columnCosines] = grid.axes;
  return new Map(
    series.slices.map(({ sopInstanceUid, sopClassUid, frameNumber, positionMm }) => {
      const imageId = `wadors:/series/${series.seriesInstanceUid}/instances/${sopInstanceUid}/frames/${frameNumber ?? 1}`;
      const plane = {
        rows,
        columns,
        rowCosines,
        columnCosines,
        imageOrientationPatient: [...rowCosines, ...columnCosines],
        imagePositionPatient: positionMm,
        rowPixelSpacing: grid.spacingMm[1],
        columnPixelSpacing: grid.spacingMm[0],
        pixelSpacing: [grid.spacingMm[1], grid.spacingMm[0]],
        sliceThickness: grid.spacingMm[2],
        frameOfReferenceUID: series.frameOfReferenceUid,
      };
      const instance = {
        SOPInstanceUID: sopInstanceUid,
        SOPClassUID: sopClassUid,
        SeriesInstanceUID: series.seriesInstanceUid,
        StudyInstanceUID: series.studyInstanceUid,
        FrameOfReferenceUID: series.frameOfReferenceUid,
        Rows: rows,
        Columns: columns,
        ImagePositionPatient: positionMm,
        ImageOrientationPatient: plane.imageOrientationPatient,
        PixelSpacing: plane.pixelSpacing,
        ...(frameNumber === null ? {} : { frameNumber }),
      };
      const modules = {
        instance,
        imagePlaneModule: plane,
        generalImageModule: { sopInstanceUID: sopInstanceUid },
        generalSeriesModule: { seriesInstanceUID: series.seriesInstanceUid, modality: 'CT' },
        sopCommonModule: { sopInstanceUID: sopInstanceUid, sopClassUID: sopClassUid },
        imagePixelModule: {
          bitsAllocated: 16,
          bitsStored: 16,
          highBit: 15,
          samplesPerPixel: 1,
          pixelRepresentation: 1,
          photometricInterpretation: 'MONOCHROME2',
        },
      };
      return [imageId, modules] as const;
    }),
  );
}

interface LabelMapImage {
  readonly voxelManager: { getScalarData(): ArrayLike<number> };
}

/** @param layers of images in the order of the slices: more than one where the reader holds that segments overlap */
function countDifferent(layers: readonly (readonly LabelMapImage[])[], { grid, labels }: LabelMap): number {
  const pixels = grid.shape[0] * grid.shape[1];
  let different = 0;
  for (let k = 0; k < grid.shape[2]; k++) {
    const slices = layers.map((images) => images[k]!.voxelManager.getScalarData());
    for (let pixel = 0; pixel < pixels; pixel++) {
      const read = slices.reduce((label, slice) => label || slice[pixel]!, 0);
      if (read !== labels[k * pixels + pixel]) different++;
    }
  }
  return different;
}
