import { equal, match } from 'node:assert/strict';
import { activeSeries } from '../../../extension/src/series/suitability.ts';

const AXIAL = [1, 0, 0, 0, 1, 0];

function series(parts: {
  modality?: string;
  images?: number;
  orientation?: readonly (number | string)[];
  imageType?: string[];
}) {
  const { modality = 'CT', images = 40, orientation = AXIAL, imageType = ['ORIGINAL', 'PRIMARY', 'AXIAL'] } = parts;
  return activeSeries({
    displaySetInstanceUID: 'x',
    StudyInstanceUID: '2.25.1',
    SeriesInstanceUID: '2.25.2',
    SeriesNumber: 3,
    SeriesDescription: 'Portal venous',
    Modality: modality,
    instances: Array.from({ length: images }, () => ({ ImageType: imageType, ImageOrientationPatient: orientation })),
  });
}

describe('whether the button can be pressed for a series', () => {
  it('can for an axial CT, also a tilted one as far as the server takes it, and one from the feet up', () => {
    equal(series({}).unsuitable, null);
    equal(series({}).name, '3 Portal venous');
    const tilted = (degrees: number) => {
      const angle = (degrees * Math.PI) / 180;
      return [1, 0, 0, 0, Math.cos(angle), Math.sin(angle)];
    };
    equal(series({ orientation: tilted(29) }).unsuitable, null);
    match(series({ orientation: tilted(31) }).unsuitable!, /not axial/);
    equal(series({ orientation: [1, 0, 0, 0, -1, 0] }).unsuitable, null);
    equal(series({ orientation: AXIAL.map(String) }).unsuitable, null, 'numbers that the viewer kept as text');
  });

  it('cannot for what is no axial CT, and says why', () => {
    match(series({ modality: 'MR' }).unsuitable!, /is MR\. Only CT/);
    match(series({ orientation: [1, 0, 0, 0, 0, -1] }).unsuitable!, /not axial/);
    match(series({ imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }).unsuitable!, /localizer/);
    match(series({ images: 1 }).unsuitable!, /only 1 image;/);
    match(series({ images: 0 }).unsuitable!, /no images/);
  });

  it('leaves to the server what cannot be known from one image', () => {
    equal(series({ orientation: [] }).unsuitable, null);
  });
});
