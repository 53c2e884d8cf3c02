import { CODES } from '../../dicom/codes.ts';
import { type AlgorithmType, type Lesion, NOTICE } from '../../findings/schema.ts';
import type { Manifest } from '../../inference/manifest.ts';
import type { EngineInfo } from '../../inference/segmentation.ts';
import { codeItem } from '../code-item.ts';
import { dicomCieLab, LIVER_COLOUR, lesionColour, type Rgb } from '../colours.ts';
import { dicomText } from '../text.ts';
import { InvalidSegmentation } from './invalid.ts';

/** What the objects of a result say of its model. */
export type ModelDescription = Pick<Manifest, 'id' | 'name' | 'version' | 'labels'>;

/** What found the segments. */
export interface Algorithm {
  readonly manifest: ModelDescription;
  /** SHA-256 of the model, hexadecimal. */
  readonly modelDigest: string;
  readonly engine: EngineInfo;
}

/**
 * Segment Sequence (PS3.3 section C.8.20.4, Segment Description Macro): segment 1 is the liver without its lesions,
 * segment 1 + n is lesion n.
 * @throws InvalidSegmentation when a lesion's segment number is not 1 + its place in the list
 */
export function segmentSequence(
  lesions: readonly Lesion[],
  algorithm: Algorithm,
  part: 'all' | 'lesions' | 'liver' = 'all',
  liver: AlgorithmType = 'automatic',
): object[] {
  lesions.forEach((lesion, index) => {
    if (lesion.segmentNumber !== index + 2) {
      throw new InvalidSegmentation(
        `lesion ${lesion.number} has segment number ${lesion.segmentNumber}, expected ${index + 2}`,
      );
    }
  });
  return [
    liverSegment(lesions.length, algorithm, part, liver),
    ...lesions.map((lesion) => lesionSegment(lesion, lesions, algorithm)),
  ];
}

function liverSegment(
  lesions: number,
  algorithm: Algorithm,
  part: 'all' | 'lesions' | 'liver',
  drawn: AlgorithmType,
): object {
  const { category, type } = algorithm.manifest.labels.liver;
  const without =
    part === 'liver'
      ? 'Liver without its lesions, which are in another series.'
      : lesions === 0
        ? 'Liver. No lesion was found.'
        : `Liver without its lesions, which are segments of their own (${lesions === 1 ? 'segment 2' : `segments 2 to ${lesions + 1}`}).` +
          `${part === 'lesions' ? ' Its voxels are not in this object.' : ''}`;
  return {
    SegmentNumber: 1,
    SegmentLabel: 'Liver',
    SegmentDescription: dicomText(`${without} ${madeBy(algorithm, drawn)} ${NOTICE}`, 1024),
    ...appearance(LIVER_COLOUR),
    SegmentedPropertyCategoryCodeSequence: [codeItem(category)],
    SegmentedPropertyTypeCodeSequence: [codeItem(type)],
    ...identification(algorithm, drawn),
  };
}

function lesionSegment(lesion: Lesion, lesions: readonly Lesion[], algorithm: Algorithm): object {
  const { category, type, anatomicRegion } = algorithm.manifest.labels.lesion;
  const size =
    `Lesion ${lesion.number} of ${lesions.length}: ${lesion.volumeMl.toFixed(2)} mL, ` +
    `${lesion.longAxisMm.toFixed(1)} x ${lesion.shortAxisMm.toFixed(1)} mm, mean ${Math.round(lesion.meanHu)} HU` +
    `${lesion.confidence === null ? '' : `, model confidence ${lesion.confidence.toFixed(2)}`}.`;
  return {
    SegmentNumber: lesion.segmentNumber,
    SegmentLabel: `Lesion ${lesion.number}`,
    SegmentDescription: dicomText(`${size} ${madeBy(algorithm, lesion.algorithmType)} ${NOTICE}`, 1024),
    TrackingID: `Lesion ${lesion.number}`,
    TrackingUID: lesion.trackingUid,
    ...appearance(lesionColour(lesion.number)),
    SegmentedPropertyCategoryCodeSequence: [codeItem(category)],
    SegmentedPropertyTypeCodeSequence: [codeItem(type)],
    AnatomicRegionSequence: [codeItem(anatomicRegion)],
    ...identification(algorithm, lesion.algorithmType),
  };
}

function madeBy({ manifest, modelDigest }: Algorithm, drawn: AlgorithmType): string {
  if (drawn === 'manual') return 'Drawn by a person.';
  const found = `Found by ${manifest.name} ${manifest.version} (sha256 ${modelDigest}).`;
  return drawn === 'automatic' ? found : `${found} Changed by a person.`;
}

function appearance(colour: Rgb): object {
  return { RecommendedDisplayCIELabValue: dicomCieLab(colour) };
}

/** Who drew the segment, and where it was the model the Algorithm Identification Macro (PS3.3 section 10.16). */
function identification(algorithm: Algorithm, drawn: AlgorithmType): object {
  if (drawn === 'manual') return { SegmentAlgorithmType: 'MANUAL' };
  const { manifest } = algorithm;
  const name = dicomText(manifest.name, 64);
  return {
    SegmentAlgorithmType: drawn.toUpperCase(),
    SegmentAlgorithmName: name,
    SegmentationAlgorithmIdentificationSequence: [
      {
        AlgorithmFamilyCodeSequence: [codeItem(CODES.artificialIntelligence)],
        AlgorithmName: name,
        AlgorithmVersion: dicomText(manifest.version, 64),
        AlgorithmParameters: algorithmParameters(algorithm),
        AlgorithmSource: 'Hepar',
      },
    ],
  };
}

/** The one segment of a probability map. */
export function probabilitySegment(algorithm: Algorithm): object {
  const { category, type, anatomicRegion } = algorithm.manifest.labels.lesion;
  return {
    SegmentNumber: 1,
    SegmentLabel: 'Lesion probability',
    SegmentDescription: dicomText(
      `Probability of lesion in each voxel. ${madeBy(algorithm, 'automatic')} ${NOTICE}`,
      1024,
    ),
    ...appearance(lesionColour(1)),
    SegmentedPropertyCategoryCodeSequence: [codeItem(category)],
    SegmentedPropertyTypeCodeSequence: [codeItem(type)],
    AnatomicRegionSequence: [codeItem(anatomicRegion)],
    ...identification(algorithm, 'automatic'),
  };
}

/** Which weights ran, and on what. */
export function algorithmParameters({ manifest, modelDigest, engine }: Algorithm): string {
  return dicomText(
    `model=${manifest.id}; sha256=${modelDigest}; provider=${engine.provider}; device=${engine.device}`,
    1024,
  );
}
