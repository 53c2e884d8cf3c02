/** Value representations whose length has 16 bits in explicit encodings; all others have 32: PS3.5 section 7.1.2. */
const SHORT_FORM = new Set('AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US'.split(' '));
/** Padded with a space; all others with a zero byte: PS3.5 section 6.2. */
const SPACE_PADDED = new Set('AE AS CS DA DS DT IS LO LT PN SH ST TM UC UR UT'.split(' '));
/** Bytes that change their order with the byte ordering: PS3.5 section 7.3. */
const WORD_BYTES: Readonly<Record<string, number>> = {
  ...{ US: 2, SS: 2, OW: 2, AT: 2 },
  ...{ UL: 4, SL: 4, FL: 4, OL: 4, OF: 4 },
  ...{ FD: 8, UV: 8, SV: 8, OD: 8, OV: 8 },
};

/** Bytes of an element's tag, VR and length in explicit encodings. */
export function headerBytes(vr: string): 8 | 12 {
  // What is no VR at all comes from old software, which knew the short form only.
  return SHORT_FORM.has(vr) || !/^[A-Z]{2}$/.test(vr) ? 8 : 12;
}

export function paddingByte(vr: string): number {
  return SPACE_PADDED.has(vr) ? 0x20 : 0;
}

/** 1 for text and bytes. */
export function wordBytes(vr: string): number {
  return WORD_BYTES[vr] ?? 1;
}
