import dcmjs from 'dcmjs';

/** What was to be written is against the standard, or would be read as something else. A fault of the software. */
export class UnwritableDataset extends Error {
  override readonly name = 'UnwritableDataset';
}

/** The longest value of a VR, in characters: PS3.5 section 6.2. */
const LONGEST: Readonly<Record<string, number>> = {
  ...{
    AE: 16,
    AS: 4,
    CS: 16,
    DA: 8,
    DS: 16,
    DT: 26,
    IS: 12,
    LO: 64,
    LT: 10240,
    PN: 64,
    SH: 16,
    ST: 1024,
    TM: 14,
    UI: 64,
  },
};

/**
 * Refuses what dcmjs would change without a word that a program can hear: keywords it does not know are left out,
 * over-long values cut off, and all text is written as UTF-8, whatever the Specific Character Set says.
 * @param dataset by keyword, with its sequences
 * @throws UnwritableDataset
 */
export function checkWritable(dataset: object): void {
  for (const [keyword, value] of Object.entries(dataset)) {
    const vr = dcmjs.data.DicomMetaDictionary.nameMap[keyword]?.vr;
    if (vr === undefined) throw new UnwritableDataset(`${keyword} is no attribute of the standard`);
    for (const part of Array.isArray(value) ? value : [value]) {
      if (vr === 'SQ') checkWritable(part);
      else for (const text of textsOf(part)) checkText(keyword, vr, text);
    }
  }
}

/** Text of a value; a person name has up to three parts. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value))
    return Object.values(value).map(String);
  return [];
}

function checkText(keyword: string, vr: string, text: string): void {
  const most = LONGEST[vr] ?? Number.POSITIVE_INFINITY;
  if (text.length > most) {
    throw new UnwritableDataset(`${keyword} has ${text.length} characters, VR ${vr} holds ${most}`);
  }
  if (/[^\t\n\f\r -~]/.test(text)) throw new UnwritableDataset(`${keyword} has text other than ASCII`);
}
