import { createHash } from 'node:crypto';

/**
 * A UID that follows from its parts alone: the same parts give the same UID on every machine.
 * UUID-derived form, '2.25.' and a 128-bit decimal (PS3.5 section B.2); the UUID is the first half of a SHA-256
 * with version (8, custom) and variant bits set (RFC 9562).
 */
export function derivedUid(...parts: readonly string[]): string {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, 16);
  digest[6] = (digest[6]! & 0x0f) | 0x80;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  return `2.25.${BigInt(`0x${digest.toString('hex')}`)}`;
}

/** A well-formed UID: PS3.5 section 9.1. */
export function isUid(text: string): boolean {
  return text.length <= 64 && /^(0|[1-9]\d*)(\.(0|[1-9]\d*))+$/.test(text);
}
