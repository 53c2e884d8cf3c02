import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import dcmjsCodecs from 'dcmjs-codecs';

const run = promisify(execFile);

/** Makes a variant of a DICOM file in another transfer syntax. */
export interface Encoder {
  readonly name: string;
  readonly lossless: boolean;
  encode(from: string, to: string): Promise<unknown>;
}

const tool = (name: string, program: string, options: readonly string[], lossless = true): Encoder => ({
  name,
  lossless,
  encode: (from, to) => run(program, [...options, from, to]),
});

/** Encoders of dcmtk and gdcm; of HTJ2K there is only OpenJPH, as dcmjs-codecs has it. */
export const LOSSLESS: readonly Encoder[] = [
  tool('implicit (dcmtk)', 'dcmconv', ['+ti']),
  tool('big endian (dcmtk)', 'dcmconv', ['+tb']),
  tool('deflated (dcmtk)', 'dcmconv', ['+td']),
  tool('undefined lengths (dcmtk)', 'dcmconv', ['-e']),
  tool('no meta header (dcmtk)', 'dcmconv', ['-F', '+te']),
  tool('RLE (dcmtk)', 'dcmcrle', []),
  tool('RLE (gdcm)', 'gdcmconv', ['--rle']),
  tool('RLE, fragments of 1 kB (dcmtk)', 'dcmcrle', ['+fs', '1']),
  tool('JPEG lossless .70 (dcmtk)', 'dcmcjpeg', ['+e1']),
  tool('JPEG lossless .70 (gdcm)', 'gdcmconv', ['--jpeg']),
  tool('JPEG lossless .70, fragments of 1 kB, no offsets (dcmtk)', 'dcmcjpeg', ['+e1', '+fs', '1', '-ot']),
  ...[1, 2, 3, 4, 5, 6, 7].map((predictor) =>
    tool(`JPEG lossless .57, predictor ${predictor} (dcmtk)`, 'dcmcjpeg', ['+el', '+sv', String(predictor)]),
  ),
  tool('JPEG-LS (dcmtk)', 'dcmcjpls', ['+el']),
  tool('JPEG-LS (gdcm)', 'gdcmconv', ['--jpegls']),
  tool('JPEG-LS, fragments of 1 kB (dcmtk)', 'dcmcjpls', ['+el', '+fs', '1']),
  tool('JPEG 2000 (gdcm)', 'gdcmconv', ['--j2k']),
  tool('JPEG 2000, tiles (gdcm)', 'gdcmconv', ['--j2k', '--tile', '32,32']),
  htj2k('HTJ2K .201 (OpenJPH)', '1.2.840.10008.1.2.4.201'),
  htj2k('HTJ2K RPCL .202 (OpenJPH)', '1.2.840.10008.1.2.4.202'),
];

export const LOSSY: readonly Encoder[] = [
  tool('JPEG baseline .50 (dcmtk)', 'dcmcjpeg', ['+eb'], false),
  tool('JPEG extended .51 (dcmtk)', 'dcmcjpeg', ['+ee'], false),
  tool('JPEG-LS near-lossless (gdcm)', 'gdcmconv', ['--jpegls', '--lossy', '--allowed-error', '3'], false),
  tool('JPEG 2000 irreversible (gdcm)', 'gdcmconv', ['--j2k', '--lossy', '--irreversible', '-q', '40'], false),
  htj2k('HTJ2K lossy .203 (OpenJPH)', '1.2.840.10008.1.2.4.203'),
];

function htj2k(name: string, uid: string): Encoder {
  return {
    name,
    lossless: !uid.endsWith('.203'),
    async encode(from, to) {
      const { NativeCodecs, Transcoder } = dcmjsCodecs;
      if (!NativeCodecs.isInitialized()) await NativeCodecs.initializeAsync();
      const file = await readFile(from);
      const transcoder = new Transcoder(
        file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer,
      );
      transcoder.transcode(uid, { lossy: uid.endsWith('.203') });
      await writeFile(to, Buffer.from(transcoder.getDicomPart10()));
    },
  };
}
