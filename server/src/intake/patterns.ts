import { RE2JS } from 're2js';

/** A pattern of the rules. It matches in linear time, whatever the pattern and the text (RE2: no look-around, no back-reference). */
export interface Pattern {
  readonly source: string;
  test(text: string): boolean;
}

export const LONGEST_PATTERN = 500;
/** Of a text only this much is looked at; the longest of those in DICOM that are meant here (LO) has 64 characters. */
const LONGEST_TEXT = 1024;

/** @throws Error in one line when it is no pattern */
export function compilePattern(source: string): Pattern {
  const compiled = RE2JS.compile(source, RE2JS.CASE_INSENSITIVE);
  return { source, test: (text) => compiled.matcher(text.slice(0, LONGEST_TEXT)).find() };
}
