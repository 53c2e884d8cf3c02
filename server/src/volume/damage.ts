import { DicomError, NotDicom, UnsupportedPixels, UnsupportedTransferSyntax } from '../dicom/errors.ts';
import { parseHeader } from '../dicom/header.ts';
import type { Instance } from '../dicom/instance.ts';
import { parseInstance } from '../dicom/parse.ts';
import { Refusal } from '../refusal.ts';
import { imageName } from './slice.ts';

/**
 * Reads a file of a series.
 * @throws Refusal 'corrupt-instance' when it is cut off or contradicts itself, 'not-dicom'
 */
export function readInstance(file: Uint8Array): Instance {
  try {
    return parseInstance(file);
  } catch (error) {
    throw asRefusal(error, 'file', nameOf(file));
  }
}

/**
 * A file or its pixels that cannot be read make the series unsuitable; any other error is not the series' fault.
 * @param name of the image, within a sentence
 */
export function asRefusal(error: unknown, part: 'file' | 'pixel data', name: string): unknown {
  // Some decoders end their own words with full stops.
  const reason = error instanceof DicomError ? error.message.replace(/[.\s]+$/, '') : '';
  if (error instanceof UnsupportedTransferSyntax) {
    const message = `The ${part} of ${name} cannot be read: ${reason}.`;
    return new Refusal('unsupported-transfer-syntax', message, { uid: error.uid });
  }
  if (error instanceof UnsupportedPixels) {
    return new Refusal('unsupported-pixels', `The ${part} of ${name} cannot be read: ${reason}.`);
  }
  if (error instanceof NotDicom) return new Refusal('not-dicom', 'A file of the series is no DICOM file.');
  if (error instanceof DicomError) {
    return new Refusal('corrupt-instance', `The ${part} of ${name} is damaged: ${reason}.`);
  }
  return error;
}

/** Its header may be whole where its pixels are not. */
function nameOf(file: Uint8Array): string {
  const INSTANCE_NUMBER = '00200013';
  try {
    return imageName(parseHeader(file, INSTANCE_NUMBER).number(INSTANCE_NUMBER), null);
  } catch {
    return 'an image';
  }
}
