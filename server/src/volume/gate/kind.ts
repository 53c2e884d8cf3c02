import type { Dataset } from '../../dicom/dataset.ts';
import type { Instance } from '../../dicom/instance.ts';
import { Refusal } from '../../refusal.ts';
import type { FrameHeader } from '../frame.ts';
import { quoted } from './quote.ts';

/** What an object of a CT series is. Only slices become part of the volume; the others are left out. */
export type Kind = 'slice' | 'localizer' | 'capture' | 'colour-capture';

/** CT Image Storage, Enhanced CT Image Storage, Legacy Converted Enhanced CT Image Storage. */
const CT_IMAGES = new Set(['1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.5.1.4.1.1.2.1', '1.2.840.10008.5.1.4.1.1.2.2']);
const SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7';

/** @throws Refusal 'not-ct' */
export function kindOfInstance({ sopClassUid, dataset }: Instance): Kind {
  const isCapture = sopClassUid === SECONDARY_CAPTURE || sopClassUid.startsWith(`${SECONDARY_CAPTURE}.`);
  const modality = dataset.text('00080060');
  const isCt = CT_IMAGES.has(sopClassUid);
  if (!isCapture && modality !== null && modality !== '' && modality !== 'CT') {
    const stated = quoted(modality);
    throw new Refusal('not-ct', `The series is ${stated}, not CT.`, { modality: stated });
  }
  if (!isCapture && !isCt && modality !== 'CT') {
    throw new Refusal('not-ct', 'The series holds no CT images.', { sopClassUid });
  }
  if (isColour(dataset)) return 'colour-capture';
  return isCt ? 'slice' : 'capture';
}

function isColour(dataset: Dataset): boolean {
  const photometric = dataset.text('00280004');
  if (photometric !== null && photometric !== '') return !photometric.startsWith('MONOCHROME');
  return (dataset.number('00280002') ?? 1) > 1;
}

/** Values of Image Type and Frame Type, in the standard's words (PS3.3 C.8.16.1, C.8.2.1) and in the vendors'. */
const LOCALIZERS = ['LOCALIZER', 'SCOUT', 'SURVIEW', 'REF_SURVIEW', 'TOPOGRAM', 'SCANOGRAM'];
const CAPTURES = [
  'SCREEN SAVE',
  'SCREENSAVE',
  'SCREEN_SAVE',
  'SCREEN CAPTURE',
  'DOSE_INFO',
  'PATIENT_INFO',
  'PROT',
  'RESULTS',
  'GRAPH',
];
/** What is computed from CT slices and shows something else, and the values that say so. */
const COMPUTED: readonly { what: string; code: 'derived-image' | 'not-hounsfield'; values: readonly string[] }[] = [
  { what: 'a maximum intensity projection', code: 'derived-image', values: ['MIP', 'MAXIP', 'MAX_IP', 'MAXIMUM'] },
  { what: 'a minimum intensity projection', code: 'derived-image', values: ['MINIP', 'MIN_IP', 'MINIMUM'] },
  {
    what: 'an average of slices',
    code: 'derived-image',
    values: ['AVERAGE', 'AVERAGE_IP', 'AVG_IP', 'AVGIP', 'AVEIP', 'AIP', 'MEAN', 'MEDIAN'],
  },
  { what: 'a projection', code: 'derived-image', values: ['PROJECTION', 'PROJECTION IMAGE'] },
  { what: 'a curved reformat', code: 'derived-image', values: ['CURVED_MPR'] },
  {
    what: 'a rendering',
    code: 'derived-image',
    values: ['VRT', 'VOLREN', 'VOLUME_RENDER', 'SURFACE_RENDER', 'SSD'],
  },
  { what: 'a subtraction', code: 'not-hounsfield', values: ['SUBTRACTION'] },
  { what: 'a map of standard deviations', code: 'not-hounsfield', values: ['STD_DEVIATION'] },
  {
    what: 'an iodine map',
    code: 'not-hounsfield',
    values: ['IODINE', 'IODINE_MAP', 'IODINE MAP', 'IODINE_NO_WATER'],
  },
  {
    what: 'a material map',
    code: 'not-hounsfield',
    values: ['MAT_SPECIFIC', 'MAT_FRACTIONAL', 'MAT_VALUE_BASED', 'QUANTITY', 'URIC_ACID'],
  },
  { what: 'an electron density map', code: 'not-hounsfield', values: ['ELECTRON_DENSITY', 'RHO'] },
  {
    what: 'a map of effective atomic numbers',
    code: 'not-hounsfield',
    values: ['EFF_ATOMIC_NUM', 'EFFECTIVE_Z', 'EFFECTIVE Z', 'Z_EFF', 'Z EFF', 'ZEFF'],
  },
  {
    what: 'a perfusion map',
    code: 'not-hounsfield',
    values: ['PERFUSION', 'CBF', 'CBV', 'MTT', 'TTP', 'TMAX'],
  },
];

/** Volume Based Calculation Techniques (0008,9207) that leave slices slices. */
const PLAIN_TECHNIQUES = ['NONE', 'MPR', 'MIXED'];

/**
 * A frame of an image that `kindOfInstance` calls a slice.
 * @throws Refusal 'derived-image' for projections, 'not-hounsfield' for maps and for values in another unit
 */
export function kindOfFrame({
  imageType,
  volumeTechnique,
  rescaleType,
}: Pick<FrameHeader, 'imageType' | 'volumeTechnique' | 'rescaleType'>): Kind {
  if (imageType.some((value) => LOCALIZERS.includes(value))) return 'localizer';
  if (imageType.some((value) => CAPTURES.includes(value))) return 'capture';
  const technique = volumeTechnique === null || PLAIN_TECHNIQUES.includes(volumeTechnique) ? [] : [volumeTechnique];
  for (const value of [...imageType, ...technique]) {
    const computed = COMPUTED.find(({ values }) => values.includes(value));
    if (computed !== undefined) {
      throw new Refusal(
        computed.code,
        `The series is ${computed.what} (Image Type ${value}), not scanned slices in HU.`,
        {
          imageType: value,
        },
      );
    }
  }
  const unit = quoted(rescaleType ?? '');
  if (unit !== '' && unit.toUpperCase() !== 'HU') {
    throw new Refusal('not-hounsfield', `The pixel values are in ${unit} (Rescale Type), not in HU.`, {
      rescaleType: unit,
    });
  }
  return 'slice';
}

/**
 * Nothing but localizers and captures came.
 * @returns the refusal that says what there was
 */
export function nothingToSegment(dropped: Readonly<Record<Exclude<Kind, 'slice'>, number>>): Refusal {
  const { localizer, capture, 'colour-capture': colour } = dropped;
  const figures = { localizers: localizer, captures: capture, colourCaptures: colour };
  if (localizer > 0) {
    const others = capture + colour > 0 ? ` and ${count(capture + colour, 'screen capture')}` : '';
    return new Refusal(
      'localizer-only',
      `The series holds only ${count(localizer, 'localizer')}${others}, no CT slices.`,
      figures,
    );
  }
  if (capture > 0) {
    return new Refusal(
      'no-image',
      `The series holds only ${count(capture + colour, 'screen capture')}, no CT slices.`,
      figures,
    );
  }
  if (colour > 0) {
    return new Refusal('colour', `The series holds only ${count(colour, 'colour picture')}, no CT slices.`, figures);
  }
  return new Refusal('no-image', 'The series holds no images.', figures);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
