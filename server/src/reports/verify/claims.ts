import type { Dataset } from '../../dicom/dataset.ts';
import { parseInstance } from '../../dicom/parse.ts';
import { SECONDARY_CAPTURE_STORAGE } from '../capture.ts';
import { GRAYSCALE_BYTE_CAPTURE_STORAGE } from '../mask-object.ts';
import { MANUFACTURER, provenanceOf } from '../provenance.ts';
import { RT_STRUCTURE_SET_STORAGE } from '../rtstruct.ts';
import { LABEL_MAP_SEGMENTATION_STORAGE, SEGMENTATION_STORAGE } from '../seg/encode.ts';
import { COMPREHENSIVE_3D_SR_STORAGE } from '../sr.ts';

/** A slice of the source that an object refers to, and the points that it says lie in it (mm). */
export interface SliceClaim {
  readonly sopInstanceUid: string;
  /** 1-based; null for a single-frame image. */
  readonly frameNumber: number | null;
  /** Centre of the slice's first pixel, where the object says it. */
  readonly positionMm: readonly number[] | null;
  readonly pointsMm: readonly (readonly number[])[];
  /** What refers to it, in words: 'frame 12'. */
  readonly by: string;
}

/** What an object of ours says about where it comes from. */
export interface Claims {
  readonly kind: string;
  readonly runId: string;
  /** SHA-256 of the model. */
  readonly modelDigest: string;
  readonly studyInstanceUid: string;
  readonly patientId: string;
  readonly seriesInstanceUid: string | null;
  /** null for objects without one: pictures. */
  readonly frameOfReferenceUids: readonly string[];
  /** How its pixels lie, for objects with pixels on the source's grid. */
  readonly plane: {
    readonly rows: number | null;
    readonly columns: number | null;
    readonly orientation: readonly number[];
    readonly pixelSpacing: readonly number[];
  } | null;
  readonly slices: readonly SliceClaim[];
}

/** The file is no object of ours that can be checked; the message says why, in one line. */
export class NotOurs extends Error {
  override readonly name = 'NotOurs';
}

/** @throws NotOurs; DicomError for what is no DICOM file or a damaged one */
export function readClaims(file: Uint8Array): Claims {
  const { sopClassUid, dataset } = parseInstance(file);
  const manufacturer = dataset.text('00080070');
  if (manufacturer !== MANUFACTURER) {
    throw new NotOurs(`it is no object of ${MANUFACTURER}'s${manufacturer ? '' : ': it names no manufacturer'}`);
  }
  const read = READERS[sopClassUid];
  if (!read) throw new NotOurs(`${MANUFACTURER} makes no objects of SOP class ${sopClassUid || '(none)'}`);
  const provenance = provenanceOf(dataset) ?? read.provenance?.(dataset) ?? null;
  if (provenance === null) throw new NotOurs('it does not say which run made it');
  return {
    runId: provenance.runId,
    modelDigest: dataset.text('00181000') ?? '',
    studyInstanceUid: dataset.text('0020000d') ?? '',
    patientId: dataset.text('00100020') ?? '',
    ...read.claims(dataset),
  };
}

type OwnClaims = Omit<Claims, 'runId' | 'modelDigest' | 'studyInstanceUid' | 'patientId'>;
interface Reader {
  readonly claims: (dataset: Dataset) => OwnClaims;
  /** Where it is not in Image Comments or the report's. */
  readonly provenance?: (dataset: Dataset) => { runId: string } | null;
}

const READERS: Readonly<Record<string, Reader>> = {
  [SEGMENTATION_STORAGE]: { claims: segmentation },
  [LABEL_MAP_SEGMENTATION_STORAGE]: { claims: segmentation },
  [COMPREHENSIVE_3D_SR_STORAGE]: { claims: report },
  [SECONDARY_CAPTURE_STORAGE]: { claims: (dataset) => pictures(dataset, 'picture') },
  [GRAYSCALE_BYTE_CAPTURE_STORAGE]: { claims: mask },
  [RT_STRUCTURE_SET_STORAGE]: {
    claims: structureSet,
    provenance: (dataset) => {
      const runId = /Result of run (\S+)\./.exec(dataset.text('30060006') ?? '')?.[1];
      return runId === undefined ? null : { runId };
    },
  },
};

/** Referenced SOP Instance UID and frame of an item of a reference sequence. */
function reference(item: Dataset | undefined, by: string): SliceClaim {
  return {
    sopInstanceUid: item?.text('00081155') ?? '',
    frameNumber: item?.number('00081160') ?? null,
    positionMm: null,
    pointsMm: [],
    by,
  };
}

function segmentation(dataset: Dataset): OwnClaims {
  const shared = dataset.items('52009229')[0];
  return {
    kind: dataset.text('00620001') === 'FRACTIONAL' ? 'probability map' : 'segmentation',
    seriesInstanceUid: dataset.items('00081115')[0]?.text('0020000e') ?? null,
    frameOfReferenceUids: [dataset.text('00200052') ?? ''],
    plane: {
      rows: dataset.number('00280010'),
      columns: dataset.number('00280011'),
      orientation: shared?.items('00209116')[0]?.numbers('00200037') ?? [],
      pixelSpacing: shared?.items('00289110')[0]?.numbers('00280030') ?? [],
    },
    slices: dataset.items('52009230').map((frame, index) => ({
      ...reference(frame.items('00089124')[0]?.items('00082112')[0], `frame ${index + 1}`),
      positionMm: frame.items('00209113')[0]?.numbers('00200032') ?? [],
    })),
  };
}

const IMAGE_LIBRARY_FRAME_OF_REFERENCE = '112227';
const SOURCE_SERIES = '121232';
const SEGMENTATIONS: ReadonlySet<string | null> = new Set([SEGMENTATION_STORAGE, LABEL_MAP_SEGMENTATION_STORAGE]);

/** Of a report that compares with an earlier study, only what it says of its own. */
function report(dataset: Dataset): OwnClaims {
  const study = dataset.text('0020000d');
  const evidence = evidenceOf(dataset);
  const isEarlier = (uid: string): boolean => evidence.has(uid) && evidence.get(uid)!.study !== study;
  const slices: SliceClaim[] = [];
  const frames = new Set<string>();
  let seriesInstanceUid: string | null = null;
  const visit = (item: Dataset, by: string): void => {
    const children = item.items('0040a730');
    const images = children
      .filter((child) => child.text('0040a040') === 'IMAGE')
      .map((child) => child.items('00081199')[0])
      .filter((referenced) => !SEGMENTATIONS.has(referenced?.text('00081150') ?? null));
    const lines = children.filter((child) => child.text('0040a040') === 'SCOORD3D');
    if (!images.some((referenced) => isEarlier(referenced?.text('00081155') ?? ''))) {
      for (const line of lines) frames.add(line.text('30060024') ?? '');
      const pointsMm = lines.flatMap((line) => triples(line.numbers('00700022')));
      slices.push(...images.map((referenced) => ({ ...reference(referenced, by), pointsMm })));
    }
    for (const child of children) {
      const concept = child.items('0040a043')[0];
      const uid = child.text('0040a124');
      if (concept?.text('00080100') === IMAGE_LIBRARY_FRAME_OF_REFERENCE && uid) frames.add(uid);
      if (concept?.text('00080100') === SOURCE_SERIES && uid) seriesInstanceUid ??= uid;
      visit(child, child.text('0040a040') === 'NUM' ? `the ${concept?.text('00080104') ?? 'measurement'}` : by);
    }
  };
  visit(dataset, 'the image library');
  seriesInstanceUid ??= evidence.get(slices[0]?.sopInstanceUid ?? '')?.series ?? null;
  return { kind: 'measurement report', seriesInstanceUid, frameOfReferenceUids: [...frames], plane: null, slices };
}

/** Study and series of every object that the evidence lists (PS3.3 section C.17.2.3). */
function evidenceOf(dataset: Dataset): Map<string, { study: string | null; series: string | null }> {
  const found = new Map<string, { study: string | null; series: string | null }>();
  for (const study of [...dataset.items('0040a375'), ...dataset.items('0040a385')]) {
    for (const series of study.items('00081115')) {
      for (const instance of series.items('00081199')) {
        found.set(instance.text('00081155') ?? '', {
          study: study.text('0020000d'),
          series: series.text('0020000e'),
        });
      }
    }
  }
  return found;
}

function pictures(dataset: Dataset, kind: string): OwnClaims {
  const sources = dataset.items('00082112');
  return {
    kind,
    seriesInstanceUid: dataset.items('00081115')[0]?.text('0020000e') ?? null,
    frameOfReferenceUids: [],
    plane: null,
    slices: sources.map((source, index) => reference(source, `source image ${index + 1}`)),
  };
}

function mask(dataset: Dataset): OwnClaims {
  const claims = pictures(dataset, 'mask');
  return {
    ...claims,
    plane: {
      rows: dataset.number('00280010'),
      columns: dataset.number('00280011'),
      orientation: [],
      pixelSpacing: dataset.numbers('00280030'),
    },
  };
}

function structureSet(dataset: Dataset): OwnClaims {
  const frame = dataset.items('30060010')[0];
  const contours = dataset.items('30060039').flatMap((roi) => roi.items('30060040'));
  return {
    kind: 'structure set',
    seriesInstanceUid: frame?.items('30060012')[0]?.items('30060014')[0]?.text('0020000e') ?? null,
    frameOfReferenceUids: [frame?.text('00200052') ?? ''],
    plane: null,
    slices: contours.map((contour, index) => ({
      ...reference(contour.items('30060016')[0], `contour ${index + 1}`),
      pointsMm: triples(contour.numbers('30060050')),
    })),
  };
}

function triples(numbers: readonly number[]): number[][] {
  return Array.from({ length: Math.floor(numbers.length / 3) }, (_, n) => numbers.slice(3 * n, 3 * n + 3) as number[]);
}
