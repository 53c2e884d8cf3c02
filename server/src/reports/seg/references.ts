import type { Code } from '../../dicom/codes.ts';
import type { CtSeries } from '../../volume/series.ts';
import type { SourceSlice } from '../../volume/volume.ts';
import { codeItem } from '../code-item.ts';
import { decimalString } from '../text.ts';
import type { Frame } from './encode.ts';

const SEGMENTATION: Code = { value: '113076', scheme: 'DCM', meaning: 'Segmentation' };
const SOURCE_IMAGE: Code = {
  value: '121322',
  scheme: 'DCM',
  meaning: 'Source image for image processing operation',
};

/** Functional groups that all frames share: how the pixels lie in the patient (PS3.3 section C.7.6.16). */
export function sharedGroups(series: CtSeries): object {
  const { spacingMm } = series.volume.grid;
  return {
    PlaneOrientationSequence: [{ ImageOrientationPatient: orientation(series).map(decimalString) }],
    PixelMeasuresSequence: [
      {
        // A label reaches half way to the next slice, whatever the thickness of the source's slices.
        SliceThickness: decimalString(spacingMm[2]),
        SpacingBetweenSlices: decimalString(spacingMm[2]),
        PixelSpacing: [decimalString(spacingMm[1]), decimalString(spacingMm[0])],
      },
    ],
  };
}

/** Image Orientation (Patient) as the source states it, so that readers compare equal; else the grid's axes. */
function orientation({ header, volume }: CtSeries): readonly number[] {
  const axes = [...volume.grid.axes[0], ...volume.grid.axes[1]];
  const stated = header.numbers('00200037');
  const same = stated.length === 6 && stated.every((cosine, n) => Math.abs(cosine - axes[n]!) < 1e-4);
  return same ? stated : axes;
}

/**
 * Functional groups of each frame: its segment, its plane and the source slice that was segmented there.
 * Dimension Index Values are [segment, rank of the slice among those that have a frame]; frames of all segments at once
 * have the rank alone.
 */
export function perFrameGroups(series: CtSeries, frames: readonly Frame[]): object[] {
  const used = [...new Set(frames.map(({ slice }) => slice))].sort((a, b) => a - b);
  const rank = new Map(used.map((slice, index) => [slice, index + 1]));
  return frames.map(({ segment, slice }) => {
    const source = series.slices[slice]!;
    return {
      FrameContentSequence: [{ DimensionIndexValues: [...(segment === null ? [] : [segment]), rank.get(slice)] }],
      PlanePositionSequence: [{ ImagePositionPatient: source.positionMm.map(decimalString) }],
      ...(segment === null ? {} : { SegmentIdentificationSequence: [{ ReferencedSegmentNumber: segment }] }),
      DerivationImageSequence: [
        {
          DerivationCodeSequence: [codeItem(SEGMENTATION)],
          SourceImageSequence: [
            {
              ...instanceReference(source),
              SpatialLocationsPreserved: 'YES',
              PurposeOfReferenceCodeSequence: [codeItem(SOURCE_IMAGE)],
            },
          ],
        },
      ],
    };
  });
}

/** SOP Instance Reference Macro, with the frame where the source is a multi-frame image (PS3.3 section 10.3). */
export function instanceReference({ sopClassUid, sopInstanceUid, frameNumber = null }: SourceImage): object {
  return {
    ReferencedSOPClassUID: sopClassUid,
    ReferencedSOPInstanceUID: sopInstanceUid,
    ...(frameNumber === null ? {} : { ReferencedFrameNumber: String(frameNumber) }),
  };
}

export type SourceImage = Pick<SourceSlice, 'sopClassUid' | 'sopInstanceUid'> &
  Partial<Pick<SourceSlice, 'frameNumber'>>;

/** Items of Source Image Sequence (PS3.3 section C.7.6.1.1.4). */
export function sourceImages(images: readonly SourceImage[]): object[] {
  return images.map((image) => ({
    ...instanceReference(image),
    PurposeOfReferenceCodeSequence: [codeItem(SOURCE_IMAGE)],
  }));
}

/** Referenced Series Sequence of the Common Instance Reference Module: the instances of the whole source series. */
export function referencedSeries(series: CtSeries): object[] {
  return [
    {
      SeriesInstanceUID: series.seriesInstanceUid,
      ReferencedInstanceSequence: instancesOf(series).map(({ sopInstanceUid, sopClassUid }) => ({
        ReferencedSOPClassUID: sopClassUid,
        ReferencedSOPInstanceUID: sopInstanceUid,
      })),
    },
  ];
}

/** The instances that the series' slices lie in, each once, in the order of the slices. */
export function instancesOf({ slices }: Pick<CtSeries, 'slices'>): { sopInstanceUid: string; sopClassUid: string }[] {
  const classes = new Map(slices.map((slice) => [slice.sopInstanceUid, slice.sopClassUid]));
  return Array.from(classes, ([sopInstanceUid, sopClassUid]) => ({ sopInstanceUid, sopClassUid }));
}

/** Multi-frame Dimension Module (PS3.3 section C.7.6.17): frames are ordered by segment, if they have one, then by position. */
export function dimensions(organizationUid: string, bySegment: boolean): object {
  const dimension = (pointer: number, group: number, label: string): object => ({
    DimensionOrganizationUID: organizationUid,
    DimensionIndexPointer: pointer,
    FunctionalGroupPointer: group,
    DimensionDescriptionLabel: label,
  });
  return {
    DimensionOrganizationSequence: [{ DimensionOrganizationUID: organizationUid }],
    DimensionIndexSequence: [
      ...(bySegment ? [dimension(0x0062000b, 0x0062000a, 'Referenced Segment Number')] : []),
      dimension(0x00200032, 0x00209113, 'Image Position (Patient)'),
    ],
  };
}
