import { HANGING_PROTOCOL } from './id.ts';

/** More images than a localizer has. */
const MORE_THAN_A_LOCALIZER = 9;

const viewport = (matchedDisplaySetsIndex: number) => ({
  viewportOptions: {
    viewportType: 'stack',
    toolGroupId: 'default',
    allowUnmatchedView: true,
    syncGroups: [
      {
        type: 'hydrateseg',
        id: 'sameFORId',
        source: true,
        target: true,
        options: { matchingRules: ['sameFOR'] },
      },
    ],
  },
  displaySets: [{ id: 'ct', matchedDisplaySetsIndex }],
});

/**
 * How a study opens: its first CT in one viewport. The viewer's own protocols give each series with images a viewport, and so
 * also the pictures that a result brings for viewers that know no segmentations.
 */
export function hangingProtocolModule() {
  const prefer = (weight: number, attribute: string, constraint: unknown) => ({ weight, attribute, constraint });
  const protocol = {
    id: HANGING_PROTOCOL,
    name: 'Liver lesions',
    protocolMatchingRules: [],
    toolGroupIds: ['default'],
    numberOfPriorsReferenced: 0,
    defaultViewport: viewport(-1),
    displaySetSelectors: {
      ct: {
        seriesMatchingRules: [
          prefer(20, 'isDisplaySetFromUrl', { equals: true }),
          prefer(10, 'numImageFrames', { greaterThan: { value: 0 } }),
          prefer(5, 'Modality', { equals: { value: 'CT' } }),
          prefer(2, 'numImageFrames', { greaterThan: { value: MORE_THAN_A_LOCALIZER } }),
        ],
      },
    },
    stages: [
      {
        name: 'One CT',
        viewportStructure: { layoutType: 'grid', properties: { rows: 1, columns: 1 } },
        viewports: [viewport(0)],
      },
    ],
  };
  return [{ name: HANGING_PROTOCOL, protocol }];
}
