/** TextDecoder labels for the defined terms of Specific Character Set: PS3.3 section C.12.1.1.2. */
const SINGLE_BYTE: Readonly<Record<string, string>> = {
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

/** What an ISO 2022 escape sequence switches to: PS3.3 tables C.12-3 and C.12-4. `high`: the set lies in G1 or is 94x94. */
const ESCAPES: readonly { readonly sequence: string; readonly label: string; readonly prefix?: string }[] = [
  { sequence: '\x1b(B', label: 'latin1' },
  { sequence: '\x1b-A', label: 'latin1' },
  { sequence: '\x1b-B', label: 'iso-8859-2' },
  { sequence: '\x1b-C', label: 'iso-8859-3' },
  { sequence: '\x1b-D', label: 'iso-8859-4' },
  { sequence: '\x1b-L', label: 'iso-8859-5' },
  { sequence: '\x1b-G', label: 'iso-8859-6' },
  { sequence: '\x1b-F', label: 'iso-8859-7' },
  { sequence: '\x1b-H', label: 'iso-8859-8' },
  { sequence: '\x1b-M', label: 'windows-1254' },
  { sequence: '\x1b-T', label: 'windows-874' },
  { sequence: '\x1b(J', label: 'shift_jis' },
  { sequence: '\x1b)I', label: 'shift_jis' },
  // WHATWG's iso-2022-jp knows these by the same escape sequences.
  { sequence: '\x1b$B', label: 'iso-2022-jp', prefix: '\x1b$B' },
  { sequence: '\x1b$@', label: 'iso-2022-jp', prefix: '\x1b$@' },
  { sequence: '\x1b$)C', label: 'euc-kr' },
  { sequence: '\x1b$)A', label: 'gbk' },
];

/**
 * Decodes text by the dataset's Specific Character Set (its values, the first being the default), with the switches of
 * ISO 2022 where it has several. Bytes that mean nothing read as U+FFFD, and an unknown set as Latin-1.
 */
export function decodeText(bytes: Uint8Array, characterSets: readonly string[]): string {
  const latin = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const initial = labelOf(characterSets[0] ?? '');
  if (!latin.includes(ESC)) return decode(latin, initial);
  let text = '';
  // Each part after a delimiter or control character starts in the default set again; a switch rules until then.
  for (const part of latin.split(/(?<=[\r\n\f\\^=])/)) {
    let label = initial;
    let prefix = '';
    for (const run of part.split(new RegExp(`(?=${ESC})`))) {
      const switched = ESCAPES.find(({ sequence }) => run.startsWith(sequence));
      if (switched) ({ label, prefix = '' } = switched);
      text += decode(prefix + (switched ? run.slice(switched.sequence.length) : run), label);
    }
  }
  return text;
}

function labelOf(characterSet: string): string {
  return SINGLE_BYTE[characterSet.replace(/^ISO 2022 IR /, 'ISO_IR ')] ?? 'latin1';
}

function decode(latin: string, label: string): string {
  return label === 'latin1' ? latin : new TextDecoder(label).decode(Buffer.from(latin, 'latin1'));
}
