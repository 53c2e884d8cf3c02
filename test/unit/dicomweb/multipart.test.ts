import assert from 'node:assert/strict';
import fc from 'fast-check';
import { boundaryOf, MultipartError, type Part, readMultipart } from '../../../server/src/dicomweb/multipart.ts';
import { collect } from './collect.ts';

const BOUNDARY = 'cut-here';
const LIMIT = { maxPartBytes: 1 << 20 };

/** A body as RFC 2046 has it, written out by hand. */
function body(
  parts: readonly { content: Uint8Array; withLength: boolean }[],
  around = { before: '', after: '\r\n' },
): Buffer {
  return Buffer.concat([
    Buffer.from(around.before),
    ...parts.flatMap(({ content, withLength }, index) => [
      Buffer.from(`${index > 0 || around.before ? '\r\n' : ''}--${BOUNDARY}\r\nContent-Type: application/dicom\r\n`),
      Buffer.from(withLength ? `Content-Length: ${content.length}\r\n\r\n` : '\r\n'),
      content,
    ]),
    Buffer.from(`\r\n--${BOUNDARY}--${around.after}`),
  ]);
}

async function* inChunks(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let n = 0; at < bytes.length; n += 1) {
    const size = sizes.length > 0 ? (sizes[n % sizes.length] as number) : bytes.length;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function all(chunks: AsyncIterable<Uint8Array>, options = LIMIT): Promise<Part[]> {
  return collect(readMultipart(chunks, BOUNDARY, options));
}

/** Content that is likely to hold pieces of the delimiter. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .constantFrom('\r', '\r\n', '\r\n-', '\r\n--', `\r\n--${BOUNDARY.slice(0, 4)}`, `--${BOUNDARY}`, '--')
        .map((s) => Buffer.from(s)),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => new Uint8Array(Buffer.concat(pieces)))
  .filter(
    (bytes) =>
      !Buffer.concat([bytes, Buffer.from('\r\n')]).includes(`\r\n--${BOUNDARY}`) &&
      !Buffer.concat([Buffer.from('\r\n'), bytes]).includes(`\r\n--${BOUNDARY}`),
  );
const parts = fc.array(fc.record({ content, withLength: fc.boolean() }), { minLength: 1, maxLength: 5 });
const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 6 });

describe('multipart reader', () => {
  it('gives the same parts however the network cuts the body', async () => {
    await fc.assert(
      fc.asyncProperty(parts, sizes, fc.constantFrom('', 'preamble to be ignored'), async (expected, cut, before) => {
        const read = await all(inChunks(body(expected, { before, after: '\r\nepilogue' }), cut));
        assert.deepEqual(
          read.map((part) => Buffer.from(part.content).toString('hex')),
          expected.map((part) => Buffer.from(part.content).toString('hex')),
        );
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('never passes a cut-off part on as whole, wherever the body stops', async () => {
    const expected = [
      { content: Buffer.from('first, with its length'), withLength: true },
      { content: Buffer.from('second, without'), withLength: false },
    ];
    const whole = body(expected, { before: '', after: '' });
    for (let stop = 0; stop < whole.length; stop += 1) {
      const delivered: string[] = [];
      await assert.rejects(async () => {
        for await (const part of readMultipart(inChunks(whole.subarray(0, stop), [7]), BOUNDARY, LIMIT)) {
          delivered.push(Buffer.from(part.content).toString());
        }
      }, MultipartError);
      for (const [index, text] of delivered.entries()) assert.equal(text, String(expected[index]?.content));
    }
  });

  it('takes bytes from the network only when the next part is asked for', async () => {
    let taken = 0;
    let closed = false;
    async function* network(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          taken += 1;
          yield Buffer.from(`--${BOUNDARY}\r\nContent-Length: 4\r\n\r\nfour\r\n`);
        }
      } finally {
        closed = true;
      }
    }
    const reader = readMultipart(network(), BOUNDARY, LIMIT);
    await reader.next();
    const after = taken;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(taken, after);
    assert.ok(taken <= 3, `${taken} chunks for one part`);
    await reader.return();
    assert.ok(closed, 'the connection stays open after the reader has gone');
  });

  it('holds each part in memory of its own, not as a view that keeps its neighbours alive', async () => {
    const read = await all(
      inChunks(body([1, 2, 3].map((n) => ({ content: Buffer.alloc(100, n), withLength: n % 2 === 1 }))), [64]),
    );
    for (const part of read) assert.equal(part.content.buffer.byteLength, 100);
  });

  it('refuses a part above the limit before it has arrived', async () => {
    const large = Buffer.alloc(5000, 1);
    for (const withLength of [true, false]) {
      await assert.rejects(all(inChunks(body([{ content: large, withLength }]), [100]), { maxPartBytes: 1000 }), {
        name: 'MultipartError',
        message: 'a part is larger than 1000 bytes',
        transient: false,
      });
    }
  });

  it('names what is malformed', async () => {
    const cases: [string, RegExp][] = [
      [`--${BOUNDARY}\r\nContent-Length: 3\r\n\r\nfour\r\n--${BOUNDARY}--`, /does not end where its length says/],
      [`--${BOUNDARY}\r\nContent-Length: -1\r\n\r\nx\r\n--${BOUNDARY}--`, /malformed Content-Length/],
      [`--${BOUNDARY}\r\nno colon\r\n\r\nx\r\n--${BOUNDARY}--`, /malformed header/],
      [`--${BOUNDARY}x\r\n\r\nx\r\n--${BOUNDARY}--`, /not followed by a line end/],
      ['<html>Sign in</html>', /ends in the middle of a preamble/],
      ['', /ends in the middle of a/],
    ];
    for (const [text, message] of cases) await assert.rejects(all(inChunks(Buffer.from(text), [])), message);
  });

  it('finds the boundary as archives write it', () => {
    assert.equal(boundaryOf('multipart/related; type="application/dicom"; boundary=a-b_c'), 'a-b_c');
    assert.equal(boundaryOf('multipart/related; boundary="a b;c"; type="application/dicom"'), 'a b;c');
    assert.equal(boundaryOf('Multipart/Related;type=x;BOUNDARY=q'), 'q');
    assert.equal(boundaryOf('multipart/related; type="application/dicom"'), null);
    assert.equal(boundaryOf('application/dicom; boundary=x'), null);
    assert.equal(boundaryOf(undefined), null);
  });
});
