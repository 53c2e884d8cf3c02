/**
 * Text of ours or of a model's maker, made fit for a DICOM attribute: printable ASCII, so that it is valid under
 * whatever Specific Character Set the source series declares, without backslash, tilde (both read differently in
 * JIS X 0201) and control characters, and no longer than the VR allows.
 */
export function dicomText(text: string, longest: number): string {
  const plain = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/\s+/g, ' ')
    .replace(/\\/g, '/')
    .replace(/~/g, '-')
    .replace(/[^\x20-\x7e]/gu, '?')
    .trim();
  return plain.length <= longest ? plain : `${plain.slice(0, longest - 3).trimEnd()}...`;
}

/** A name as the one component of a person's name (VR PN): what separates its parts is left out. */
export function personName(name: string): string {
  return dicomText(name.replace(/[\^=]/g, ' '), 64);
}

/**
 * A decimal string (VR DS) of at most 16 characters, as exact as these allow. A number that was read from a DS of up to
 * 15 digits comes out as the same number.
 */
export function decimalString(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is no decimal string`);
  const shortest = String(value);
  if (shortest.length <= 16) return shortest;
  for (let digits = 15; digits > 0; digits--) {
    const rounded = String(Number(value.toPrecision(digits)));
    if (rounded.length <= 16) return rounded;
  }
  throw new RangeError(`${value} is no decimal string`);
}
