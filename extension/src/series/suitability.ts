import type { DisplaySet } from '../ohif/types.ts';

/** The series in the active viewport, and whether the server could read it as far as the viewer can tell. */
export interface ActiveSeries {
  readonly studyInstanceUID: string;
  readonly seriesInstanceUID: string;
  /** Number and description, as the viewer's own list shows them. */
  readonly name: string;
  /** Why it cannot be segmented, in one sentence; null where nothing speaks against it. */
  readonly unsuitable: string | null;
}

/** Fewer cannot hold a liver; the server measures the extent itself. */
const FEWEST_SLICES = 10;
/** The same limit as the server's. */
const LARGEST_TILT_DEGREES = 30;

export function activeSeries(displaySet: DisplaySet): ActiveSeries {
  return {
    studyInstanceUID: displaySet.StudyInstanceUID,
    seriesInstanceUID: displaySet.SeriesInstanceUID,
    name: [displaySet.SeriesNumber, displaySet.SeriesDescription].filter((part) => part !== undefined).join(' '),
    unsuitable: whyUnsuitable(displaySet),
  };
}

/**
 * Only what makes a click pointless is told here; everything else is the server's to judge, which sees all slices and
 * refuses with its own reason.
 */
function whyUnsuitable({ Modality, instances = [] }: DisplaySet): string | null {
  if (Modality !== 'CT') return `This series is ${Modality}. Only CT can be segmented.`;
  const [first] = instances;
  if (first === undefined) return 'This series has no images.';
  if ([first.ImageType ?? []].flat().some((value) => /LOCALIZER|SCOUT|TOPOGRAM/.test(value))) {
    return 'This series is a localizer. Open the axial CT instead.';
  }
  if (instances.length < FEWEST_SLICES) {
    return `This series has only ${instances.length} image${instances.length === 1 ? '' : 's'}; a liver needs at least ${FEWEST_SLICES}.`;
  }
  const tilt = tiltDegrees(first.ImageOrientationPatient);
  if (tilt !== null && tilt > LARGEST_TILT_DEGREES) {
    return 'The slices of this series are not axial. Open the axial reconstruction instead.';
  }
  return null;
}

/** Angle between the slices' normal and the patient's long axis; null where the orientation is absent. */
function tiltDegrees(orientation: readonly (number | string)[] | undefined): number | null {
  if (orientation?.length !== 6) return null;
  const [rx, ry, rz, cx, cy, cz] = orientation.map(Number) as [number, number, number, number, number, number];
  const normal = [ry * cz - rz * cy, rz * cx - rx * cz, rx * cy - ry * cx] as const;
  return (Math.acos(Math.min(1, Math.abs(normal[2]) / Math.hypot(...normal))) * 180) / Math.PI;
}
