import dcmjsCodecs from 'dcmjs-codecs';
import { CorruptInstance } from './errors.ts';
import type { PixelFormat } from './pixel-format.ts';
import { TRANSFER_SYNTAX } from './transfer-syntax.ts';

const { Context, NativeCodecs, constants, log } = dcmjsCodecs;

type Decoder = 'decodeJpeg' | 'decodeJpegLs' | 'decodeJpeg2000' | 'decodeHtJpeg2000' | 'decodeRle';

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
  [TRANSFER_SYNTAX.rle]: 'decodeRle',
};

/** Whether frames of this transfer syntax can be decompressed. */
export function isDecoded(transferSyntaxUid: string): boolean {
  return transferSyntaxUid in DECODERS;
}

/**
 * Decompresses one frame into little endian cells of `format.bitsAllocated`. The codecs' WebAssembly is loaded with the
 * first compressed frame. After a failure it is thrown away, because a trap leaves its memory in an unknown state.
 * @throws CorruptInstance when the decoder gives up
 */
export async function decompress(
  compressed: Uint8Array,
  transferSyntaxUid: string,
  format: PixelFormat,
): Promise<Uint8Array> {
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
