import type { Instance } from '../dicom/instance.ts';
import { Refusal } from '../refusal.ts';
import type { FrameHeader, PhaseMark } from './frame.ts';
import { cross, dot, length, normalise, scale, subtract } from './geometry.ts';
import type { Rescale } from './hounsfield.ts';
import type { Vec3 } from './volume.ts';

/** A slice that may become part of the volume: all that is kept of its header once its pixels are decoded. */
export interface Slice {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  /** 1-based frame of a multi-frame instance, else null. */
  readonly frameNumber: number | null;
  readonly instanceNumber: number | null;
  readonly rows: number;
  readonly columns: number;
  /** Distance between the centres of neighbouring columns, and of neighbouring rows. */
  readonly columnSpacingMm: number;
  readonly rowSpacingMm: number;
  /** Centre of the first pixel. */
  readonly positionMm: Vec3;
  /** Unit directions along a row and down a column, at right angles, and their cross product. */
  readonly rowAxis: Vec3;
  readonly columnAxis: Vec3;
  readonly normal: Vec3;
  readonly thicknessMm: number | null;
  readonly gantryTiltDegrees: number | null;
  readonly rescale: Rescale;
  readonly phaseMarks: readonly PhaseMark[];
}

/** Direction cosines are written with few decimals: this much off a unit length or a right angle is rounding. */
const COSINE_ROUNDING = 5e-3;

/**
 * @throws Refusal 'corrupt-instance' without a size, 'no-position' where the place or scale of the slice cannot be told,
 * 'not-hounsfield' without a usable rescale
 */
export function readSlice(instance: Instance, frame: number, header: FrameHeader): Slice {
  const name = imageName(header.instanceNumber, instance.frames > 1 ? frame + 1 : null);
  const rows = instance.dataset.number('00280010') ?? 0;
  const columns = instance.dataset.number('00280011') ?? 0;
  if (!(rows >= 1 && columns >= 1)) {
    throw new Refusal(
      'corrupt-instance',
      `The size of ${name} is not known: it states ${columns} columns and ${rows} rows.`,
      { rows, columns },
    );
  }
  const [rowSpacingMm = 0, columnSpacingMm = 0] = header.pixelSpacing;
  if (!(rowSpacingMm > 0 && columnSpacingMm > 0 && rowSpacingMm < 1000 && columnSpacingMm < 1000)) {
    const stated =
      header.pixelSpacing.length === 0
        ? 'it has no Pixel Spacing'
        : `its Pixel Spacing is ${header.pixelSpacing.join(' x ')} mm`;
    throw new Refusal('no-position', `The scale of ${name} is not known: ${stated}.`);
  }
  const positionMm = vector(header.position, 0);
  if (header.position.length !== 3 || positionMm === null) {
    throw new Refusal('no-position', `The place of ${name} is not known: it has no Image Position (Patient).`);
  }
  return {
    sopClassUid: instance.sopClassUid,
    sopInstanceUid: instance.sopInstanceUid,
    frameNumber: isMultiFrame(instance) ? frame + 1 : null,
    instanceNumber: header.instanceNumber,
    rows,
    columns,
    columnSpacingMm,
    rowSpacingMm,
    positionMm,
    ...readAxes(name, header.orientation),
    thicknessMm: header.sliceThickness,
    gantryTiltDegrees: header.gantryTilt,
    rescale: readRescale(name, header),
    phaseMarks: header.phaseMarks,
  };
}

const CT_IMAGE_STORAGE = '1.2.840.10008.5.1.4.1.1.2';

/** An enhanced image has frame numbers even when it holds one frame only. */
function isMultiFrame({ sopClassUid, frames }: Instance): boolean {
  return sopClassUid !== CT_IMAGE_STORAGE || frames > 1;
}

/** How a technologist finds the image: by its Instance Number. Within a sentence. */
export function imageName(instanceNumber: number | null, frameNumber: number | null): string {
  const image = instanceNumber === null ? 'an image without a number' : `image ${instanceNumber}`;
  return frameNumber === null ? image : `frame ${frameNumber} of ${image}`;
}

function readAxes(name: string, orientation: readonly number[]): Pick<Slice, 'rowAxis' | 'columnAxis' | 'normal'> {
  const row = vector(orientation, 0);
  const column = vector(orientation, 3);
  if (orientation.length !== 6 || row === null || column === null) {
    throw new Refusal('no-position', `The direction of ${name} is not known: it has no Image Orientation (Patient).`);
  }
  const lengths = [length(row), length(column)] as const;
  const offUnit = Math.max(Math.abs(lengths[0] - 1), Math.abs(lengths[1] - 1));
  const offSquare = Math.abs(dot(row, column));
  if (offUnit > COSINE_ROUNDING || offSquare > COSINE_ROUNDING) {
    throw new Refusal(
      'no-position',
      `The direction of ${name} is not known: the axes of its Image Orientation (Patient) are not at right angles and of length 1.`,
      {
        rowLength: lengths[0],
        columnLength: lengths[1],
        dotProduct: dot(row, column),
      },
    );
  }
  const rowAxis = normalise(row);
  const columnAxis = normalise(subtract(column, scale(rowAxis, dot(rowAxis, column))));
  return { rowAxis, columnAxis, normal: cross(rowAxis, columnAxis) };
}

function readRescale(name: string, { rescaleSlope: slope, rescaleIntercept: intercept }: FrameHeader): Rescale {
  if (slope === null || intercept === null || !Number.isFinite(slope * intercept) || slope === 0) {
    throw new Refusal(
      'not-hounsfield',
      `The values of ${name} are not in HU: it has no usable Rescale Slope and Intercept.`,
      {
        slope: slope ?? 'none',
        intercept: intercept ?? 'none',
      },
    );
  }
  return { slope, intercept };
}

function vector(numbers: readonly number[], at: number): Vec3 | null {
  const [x, y, z] = numbers.slice(at, at + 3);
  if (x === undefined || y === undefined || z === undefined) return null;
  return Number.isFinite(x) && Number.isFinite(y) && Number.isFinite(z) ? [x, y, z] : null;
}
