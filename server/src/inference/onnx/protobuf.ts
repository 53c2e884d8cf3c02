/** A field of a protobuf message: a number, or the bytes of a text, a message or packed numbers. */
export interface Field {
  readonly field: number;
  /** null for what is no varint. */
  readonly value: number | null;
  /** null for a number. */
  readonly bytes: Uint8Array | null;
  /** The field as it stands in the message. */
  readonly whole: Uint8Array;
}

/**
 * The fields of a message in their order.
 * @throws RangeError when the bytes are no well-formed message; where, is counted from the message's own beginning
 */
export function* fieldsOf(message: Uint8Array): Generator<Field> {
  let at = 0;
  const nextVarint = (): number => {
    let value = 0;
    for (let scale = 1, digits = 0; digits < 10; scale *= 128, digits++) {
      if (at >= message.length) break;
      const byte = message[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new RangeError(`no number at byte ${at}`);
  };
  while (at < message.length) {
    const begin = at;
    const key = nextVarint();
    const field = Math.floor(key / 8);
    let value: number | null = null;
    let bytes: Uint8Array | null = null;
    switch (key % 8) {
      case 0:
        value = nextVarint();
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = nextVarint();
        if (at + length > message.length) {
          throw new RangeError(`a message of ${length} bytes at byte ${at} runs over its end`);
        }
        bytes = message.subarray(at, at + length);
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new RangeError(`unknown wire type at byte ${at}`);
    }
    if (field === 0 || at > message.length) throw new RangeError(`not a field at byte ${at}`);
    yield { field, value, bytes, whole: message.subarray(begin, at) };
  }
}

/** The last text of a field; empty where there is none. */
export function textIn(message: Uint8Array, wanted: number): string {
  let text = '';
  for (const { field, bytes } of fieldsOf(message)) if (field === wanted && bytes) text = Buffer.from(bytes).toString();
  return text;
}

/** The messages at the end of a path of fields, each of which holds the next. */
export function* messagesAt(whole: Uint8Array, wanted: number, ...inside: readonly number[]): Generator<Uint8Array> {
  const [next, ...rest] = inside;
  for (const { field, bytes } of fieldsOf(whole)) {
    if (field !== wanted || !bytes) continue;
    if (next === undefined) yield bytes;
    else yield* messagesAt(bytes, next, ...rest);
  }
}

/** A message in pieces that follow one another: what is large is copied once, when they are joined. */
export type Pieces = readonly Uint8Array[];

/** A message with something else in each of its fields of a number. */
export function replaced(whole: Uint8Array, wanted: number, by: (bytes: Uint8Array) => Pieces): Pieces {
  const pieces: Uint8Array[] = [];
  let kept = 0;
  let at = 0;
  for (const { field, bytes, whole: part } of fieldsOf(whole)) {
    if (field === wanted && bytes) {
      const inside = by(bytes);
      pieces.push(whole.subarray(kept, at), headOf(field, lengthOf(inside)), ...inside);
      kept = at + part.length;
    }
    at += part.length;
  }
  return [...pieces, whole.subarray(kept)];
}

/** In memory of its own, which may be given to another thread. */
export function joined(pieces: Pieces): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

const lengthOf = (pieces: Pieces) => pieces.reduce((sum, { length }) => sum + length, 0);

/** Fields as they follow one another in a message; messages that follow one another are one. */
export function message(...fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields);
}

/** A field that holds a whole number, from zero on. */
export function numberField(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(field * 8), ...varint(value)]);
}

/** A field that holds a message, or packed numbers. */
export function bytesField(field: number, value: Uint8Array): Uint8Array {
  return message(headOf(field, value.length), value);
}

/** What stands before the bytes of such a field. */
function headOf(field: number, length: number): Uint8Array {
  return Uint8Array.from([...varint(field * 8 + 2), ...varint(length)]);
}

export function textField(field: number, value: string): Uint8Array {
  return bytesField(field, Buffer.from(value));
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varint(Math.floor(value / 0x80))];
}
