/** TextDecoder labels for the defined terms of Specific Character Set: PS3.3 section C.12.1.1.2. */
const LABELS: Readonly<Record<string, string>> = {
  '': 'latin1',
  'ISO_IR 6': 'latin1',
  'ISO_IR 100': 'latin1',
  'ISO_IR 101': 'iso-8859-2',
  'ISO_IR 109': 'iso-8859-3',
  'ISO_IR 110': 'iso-8859-4',
  'ISO_IR 144': 'iso-8859-5',
  'ISO_IR 127': 'iso-8859-6',
  'ISO_IR 126': 'iso-8859-7',
  'ISO_IR 138': 'iso-8859-8',
  'ISO_IR 148': 'windows-1254',
  'ISO_IR 203': 'iso-8859-15',
  'ISO_IR 13': 'shift_jis',
  'ISO_IR 166': 'windows-874',
  'ISO_IR 192': 'utf-8',
  GB18030: 'gb18030',
  GBK: 'gbk',
};

const ESC = '\x1b';

/** A character set that text may switch to: a TextDecoder label, and how it lies in the bytes. */
interface Switch {
  readonly label: string;
  /** Two bytes a character with the high bits clear: no byte of it is a delimiter. EUC-JP has these sets with high bits. */
  readonly euc?: '' | '\x8f';
}

/** What the escape sequences of ISO 2022 switch to: PS3.3 tables C.12-3 and C.12-4. */
const SWITCHES: Readonly<Record<string, Switch>> = {
  '(B': { label: 'latin1' },
  '-A': { label: 'latin1' },
  '-B': { label: 'iso-8859-2' },
  '-C': { label: 'iso-8859-3' },
  '-D': { label: 'iso-8859-4' },
  '-L': { label: 'iso-8859-5' },
  '-G': { label: 'iso-8859-6' },
  '-F': { label: 'iso-8859-7' },
  '-H': { label: 'iso-8859-8' },
  '-M': { label: 'windows-1254' },
  '-b': { label: 'iso-8859-15' },
  '-T': { label: 'windows-874' },
  '(J': { label: 'shift_jis' },
  ')I': { label: 'shift_jis' },
  $B: { label: 'euc-jp', euc: '' },
  '$@': { label: 'euc-jp', euc: '' },
  '$(D': { label: 'euc-jp', euc: '\x8f' },
  '$)C': { label: 'euc-kr' },
  '$)A': { label: 'gbk' },
};

/**
 * Decodes text by the dataset's Specific Character Set (its values, the first being the default), with the switches of
 * ISO 2022 where it has several. Bytes that mean nothing read as U+FFFD, and an unknown set as Latin-1.
 */
export function decodeText(bytes: Uint8Array, characterSets: readonly string[]): string {
  const latin = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const initial = labelOf(characterSets[0] ?? '');
  const [first = '', ...runs] = latin.split(ESC);
  return decode(first, initial) + runs.map((run) => decodeRun(run, initial)).join('');
}

/** Text from an escape sequence up to the next. */
function decodeRun(run: string, initial: string): string {
  const sequence = Object.keys(SWITCHES).find((known) => run.startsWith(known));
  if (sequence === undefined) return decode(run, initial);
  const { label, euc } = SWITCHES[sequence]!;
  const text = run.slice(sequence.length);
  if (euc !== undefined) return decode(inEuc(text, euc), label);
  // A delimiter or control character switches back to the default.
  const delimiter = text.search(/[\r\n\f\\^=]/);
  if (delimiter < 0) return decode(text, label);
  return decode(text.slice(0, delimiter), label) + decode(text.slice(delimiter), initial);
}

function inEuc(text: string, prefix: string): string {
  return text.replace(/([!-~])([!-~])/g, (_, high: string, low: string) => prefix + highBit(high) + highBit(low));
}

const highBit = (character: string) => String.fromCharCode(character.charCodeAt(0) | 0x80);

function labelOf(characterSet: string): string {
  return LABELS[characterSet.replace(/^ISO 2022 IR /, 'ISO_IR ')] ?? 'latin1';
}

function decode(latin: string, label: string): string {
  return label === 'latin1' ? latin : new TextDecoder(label).decode(Buffer.from(latin, 'latin1'));
}
