/**
 * A small seeded generator (sfc32 by Chris Doty-Humphrey). It and everything drawn from it use only integer arithmetic,
 * the four operations and the square root, which IEEE 754 defines to the last bit: a seed gives the same bytes on every machine.
 */
export interface Random {
  /** An unsigned 32-bit integer. */
  bits(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** Near normal (a sum of six uniforms), within +-4.3 standard deviations. */
  normal(mean: number, sd: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** Independent streams for independent purposes: a new draw in one never moves another. */
export function makeRandom(seed: number, stream: string): Random {
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = 0x9e3779b9;
  let counter = 1;
  for (let i = 0; i < stream.length; i++) c = Math.imul(c ^ stream.charCodeAt(i), 0x85ebca6b) >>> 0;

  const bits = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 16; i++) bits();

  const uniform = () => bits() / 2 ** 32;
  return {
    bits,
    between: (low, high) => low + (high - low) * uniform(),
    normal: (mean, sd) => {
      let sum = -3;
      for (let i = 0; i < 6; i++) sum += uniform();
      return mean + sd * sum * Math.SQRT2;
    },
    chance: (probability) => uniform() < probability,
    pick: (items) => items[Math.floor(uniform() * items.length)]!,
  };
}
