import type { Code } from '../dicom/codes.ts';
import { dicomText } from './text.ts';

/** An item of a code sequence (PS3.3 section 8.8); values of more than 16 characters go into Long Code Value. */
export function codeItem(code: Code): object {
  const value = dicomText(code.value, 1024);
  return {
    ...(value.length <= 16 ? { CodeValue: value } : { LongCodeValue: value }),
    CodingSchemeDesignator: dicomText(code.scheme, 16),
    CodeMeaning: dicomText(code.meaning, 64),
  };
}
