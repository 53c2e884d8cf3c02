import type { Instance } from '../../dicom/instance.ts';

/** How a source was lossy compressed, as far as it says so: PS3.3 section C.7.6.1.1.5. */
export interface Lossy {
  readonly ratios: readonly string[];
  readonly methods: readonly string[];
}

/** Transfer syntaxes that cannot be lossless, and their Lossy Image Compression Methods. */
const LOSSY_SYNTAXES: Readonly<Record<string, string>> = {
  '1.2.840.10008.1.2.4.50': 'ISO_10918_1',
  '1.2.840.10008.1.2.4.51': 'ISO_10918_1',
};

/** Transfer syntaxes that may be either; Lossy Image Compression decides, and lossy is assumed where it is silent. */
const POSSIBLY_LOSSY_SYNTAXES: Readonly<Record<string, string>> = {
  '1.2.840.10008.1.2.4.81': 'ISO_14495_1',
  '1.2.840.10008.1.2.4.91': 'ISO_15444_1',
  '1.2.840.10008.1.2.4.93': 'ISO_15444_2',
  '1.2.840.10008.1.2.4.203': 'ISO_15444_15',
};

/** Null when the image was never lossy compressed. */
export function readLossy({ dataset, transferSyntaxUid }: Instance): Lossy | null {
  const flag = dataset.text('00282110');
  const certain = LOSSY_SYNTAXES[transferSyntaxUid];
  const possible = flag === null || flag === '' ? POSSIBLY_LOSSY_SYNTAXES[transferSyntaxUid] : undefined;
  const syntaxMethod = certain ?? possible;
  if (flag !== '01' && syntaxMethod === undefined) return null;
  const methods = dataset.texts('00282114').filter((method) => method !== '');
  return {
    ratios: dataset.texts('00282112').filter((ratio) => ratio !== ''),
    methods: methods.length > 0 || syntaxMethod === undefined ? methods : [syntaxMethod],
  };
}
