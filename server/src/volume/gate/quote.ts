const LONGEST = 24;

/**
 * A value of a header as it may stand in a message. What is long or holds control characters comes from a damaged file,
 * in which another element, with the patient's name, may have run into this one.
 */
export function quoted(value: string): string {
  const plain = value.trim();
  return plain.length > LONGEST || /\p{C}/u.test(plain) ? '?' : plain;
}
