import dcmjsCodecs from 'dcmjs-codecs';
import { checkCodestream } from './codestream.ts';
import { CorruptInstance } from './errors.ts';
import { frameBytes, type PixelFormat, unpackCells } from './pixel-format.ts';
import { TRANSFER_SYNTAX } from './transfer-syntax.ts';

const { Context, NativeCodecs, constants, log } = dcmjsCodecs;

type Decoder = 'decodeJpeg' | 'decodeJpegLs' | 'decodeJpeg2000' | 'decodeHtJpeg2000';

const DECODERS: Readonly<Record<string, Decoder>> = {
  [TRANSFER_SYNTAX.jpegBaseline]: 'decodeJpeg',
  [TRANSFER_SYNTAX.jpegExtended]: 'decodeJpeg',
  [TRANSFER_SYNTAX.jpegLossless]: 'decodeJpeg',
  [TRANSFER_SYNTAX.jpegLosslessFirstOrder]: 'decodeJpeg',
  [TRANSFER_SYNTAX.jpegLs]: 'decodeJpegLs',
  [TRANSFER_SYNTAX.jpegLsNearLossless]: 'decodeJpegLs',
  [TRANSFER_SYNTAX.jpeg2000Lossless]: 'decodeJpeg2000',
  [TRANSFER_SYNTAX.jpeg2000]: 'decodeJpeg2000',
  [TRANSFER_SYNTAX.htj2kLossless]: 'decodeHtJpeg2000',
  [TRANSFER_SYNTAX.htj2kLosslessRpcl]: 'decodeHtJpeg2000',
  [TRANSFER_SYNTAX.htj2k]: 'decodeHtJpeg2000',
};

/** Transfer syntaxes that may be lossy. */
const LOSSY: ReadonlySet<string> = new Set([
  TRANSFER_SYNTAX.jpegBaseline,
  TRANSFER_SYNTAX.jpegExtended,
  TRANSFER_SYNTAX.jpegLsNearLossless,
  TRANSFER_SYNTAX.jpeg2000,
  TRANSFER_SYNTAX.htj2k,
]);

/** Whether there is a codec for this transfer syntax. */
export function hasCodec(transferSyntaxUid: string): boolean {
  return transferSyntaxUid in DECODERS;
}

/**
 * Stored values of one frame from its JPEG, JPEG-LS or JPEG 2000 codestream.
 * @throws CorruptInstance when the codestream is cut off, is not the image that the header announces, or is damaged
 */
export async function decodeCodestream(
  codestream: Uint8Array,
  transferSyntaxUid: string,
  format: PixelFormat,
): Promise<Int16Array | Uint16Array> {
  const precision = checkCodestream(codestream, format);
  const cells = await decompress(codestream, transferSyntaxUid, format);
  if (cells.length !== frameBytes(format)) {
    throw new CorruptInstance(`the compressed frame holds ${cells.length} bytes, expected ${frameBytes(format)}`, {
      bytes: cells.length,
      expected: frameBytes(format),
    });
  }
  if (precision <= format.bitsStored) return unpackCells(cells, { ...format, highBit: format.bitsStored - 1 });
  // The samples are as wide as the cells that they were made from: exactly those, or values that may overshoot.
  if (!LOSSY.has(transferSyntaxUid)) return unpackCells(cells, format);
  return clamped(unpackCells(cells, { ...format, bitsStored: precision, highBit: precision - 1 }), format);
}

/** Values within Bits Stored: an overshoot that is cut off at the top bit would turn bone into air. */
function clamped(values: Int16Array | Uint16Array, { bitsStored, signed }: PixelFormat): Int16Array | Uint16Array {
  const least = signed ? -(2 ** (bitsStored - 1)) : 0;
  const most = least + 2 ** bitsStored - 1;
  return values.map((value) => (value < least ? least : value > most ? most : value));
}

/**
 * Decompresses one frame into little endian cells of `format.bitsAllocated`. The codecs' WebAssembly is loaded with the
 * first compressed frame. After a failure it is thrown away, because a trap leaves its memory in an unknown state.
 */
async function decompress(compressed: Uint8Array, transferSyntaxUid: string, format: PixelFormat): Promise<Uint8Array> {
  // Another frame that failed meanwhile may have released it again.
  while (!NativeCodecs.isInitialized()) {
    log.setLevel('silent');
    await NativeCodecs.initializeAsync();
  }
  const context = new Context({
    width: format.columns,
    height: format.rows,
    bitsAllocated: format.bitsAllocated,
    bitsStored: format.bitsStored,
    samplesPerPixel: 1,
    pixelRepresentation: format.signed ? 1 : 0,
    planarConfiguration: 0,
    photometricInterpretation: constants.PhotometricInterpretation.Monochrome2,
    encodedBuffer: compressed,
  });
  try {
    return NativeCodecs[DECODERS[transferSyntaxUid]!](context).getDecodedBuffer() ?? new Uint8Array();
  } catch (error) {
    NativeCodecs.release();
    throw new CorruptInstance(
      `the compressed frame of ${compressed.length} bytes cannot be decoded: ${reason(error)}`,
      {
        bytes: compressed.length,
      },
    );
  }
}

/** The decoders' own words where they have any; a trap has none. */
function reason(error: unknown): string {
  const message = error instanceof Error && error.name !== 'RuntimeError' ? error.message : '';
  return message.split('::').at(-1)?.trim().replace(/\s+/g, ' ') || 'the decoder gave up';
}
