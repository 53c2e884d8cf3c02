import { resolve } from 'node:path';
import { readConfig } from '../config.ts';
import { NOTICE } from '../findings/schema.ts';
import type { EngineSettings } from '../pipeline.ts';
import { DEFAULT_OPTIONS, OPTIONAL_OBJECTS, type ResultOptions } from '../reports/options.ts';
import { defaultModelDir } from './bundled-model.ts';
import { parseOrExplain, UsageError } from './failure.ts';

export const USAGE = `usage: hepar segment INPUT --out DIR [options]

INPUT is a folder or zip of DICOM files, or with --dicomweb a STUDYUID or STUDYUID/SERIESUID.

  --out DIR         where the result goes: segmentation.dcm, report.dcm, findings.json, preview.png, the pictures as
                    DICOM in secondary-capture/, and a black-and-white PNG a slice in mask/ and mask-liver/
  --series UID      which series, when the input holds several
  --dicomweb URL    take the series from this archive; credentials in HEPAR_DICOMWEB_USERNAME and
                    HEPAR_DICOMWEB_PASSWORD, or HEPAR_DICOMWEB_TOKEN
  --heatmap         write heatmap.png as well: how probable it is, patch by patch, that there is lesion
  --store           put the result into that archive. One that it has already is read back, and nothing is made anew
  --again           with --store: make it anew, as a result that supersedes the one in the archive
  --nifti           also write the label map as labels.nii.gz
  --objects LIST    DICOM objects beside SEG and SR: none, or some of ${OPTIONAL_OBJECTS.join(', ')},
                    with commas between them (default: ${DEFAULT_OPTIONS.objects.join(',')})
  --seg NAME        binary, which every reader takes, or labelmap (default: ${DEFAULT_OPTIONS.seg})
  --liver WHERE     the liver's own voxels: together with the lesions, own-series, left-out, or auto: in a series of
                    their own beyond 400 frames (default: ${DEFAULT_OPTIONS.liver})
  --deflated        segmentations in the deflated transfer syntax
  --prior WHAT      read the result against an earlier one of the patient: a folder, zip or file with its
                    segmentation.dcm, or with --dicomweb also STUDYUID/SERIESUID. By default the newest in the
                    archive, and none for files
  --no-priors       look for none in the archive
  --model DIR       a model's folder (default: as hepar models default says, else the bundled one)
  --provider NAME   auto, cuda, directml, coreml, webgpu or cpu (default: auto)
  --threads N       threads for inference (default: one for each core)

Exit code: 0 done, 2 the input is unsuitable, 1 anything else.
${NOTICE}
`;

/** What `hepar segment` was asked for. */
export interface SegmentOptions {
  readonly input: string;
  readonly out: string;
  readonly series: string | undefined;
  readonly dicomweb: string | undefined;
  readonly heatMap: boolean;
  readonly store: boolean;
  readonly again: boolean;
  readonly prior: string | undefined;
  readonly noPriors: boolean;
  readonly modelDir: string;
  readonly engine: EngineSettings;
  readonly results: ResultOptions;
  readonly nifti: boolean;
}

/**
 * What the arguments say, and the environment where they say nothing.
 * @throws UsageError; ConfigError
 */
export async function readOptions(args: string[]): Promise<SegmentOptions | 'help'> {
  const { values, positionals } = parse(args);
  if (values.help) return 'help';
  const [input, ...others] = positionals;
  if (input === undefined || others.length > 0) throw new UsageError(`give one INPUT.\n${USAGE}`);
  if (values.out === undefined) throw new UsageError(`--out DIR is missing.\n${USAGE}`);
  if (values.store && values.dicomweb === undefined) throw new UsageError('--store needs --dicomweb URL.');
  if (values.again && !values.store) throw new UsageError('--again needs --store.');
  if (values.prior !== undefined && values['no-priors']) throw new UsageError('--prior or --no-priors, not both.');
  const { engine, results } = readConfig({
    HEPAR_OVERLAP: process.env.HEPAR_OVERLAP,
    HEPAR_MIRROR: process.env.HEPAR_MIRROR,
    HEPAR_DATA: process.env.HEPAR_DATA,
    HEPAR_PROVIDER: values.provider ?? process.env.HEPAR_PROVIDER,
    HEPAR_DEVICE: process.env.HEPAR_DEVICE,
    HEPAR_CPU_FALLBACK: process.env.HEPAR_CPU_FALLBACK,
    HEPAR_THREADS: values.threads ?? process.env.HEPAR_THREADS,
    HEPAR_OBJECTS: values.objects ?? process.env.HEPAR_OBJECTS,
    HEPAR_SEG: values.seg ?? process.env.HEPAR_SEG,
    HEPAR_SEG_LIVER: values.liver ?? process.env.HEPAR_SEG_LIVER,
    HEPAR_SEG_DEFLATED: values.deflated ? 'on' : process.env.HEPAR_SEG_DEFLATED,
  });
  return {
    input,
    out: resolve(values.out),
    series: values.series,
    dicomweb: values.dicomweb,
    heatMap: values.heatmap ?? false,
    store: values.store ?? false,
    again: values.again ?? false,
    prior: values.prior,
    noPriors: values['no-priors'] ?? false,
    modelDir: values.model === undefined ? await defaultModelDir() : resolve(values.model),
    engine,
    results,
    nifti: values.nifti ?? false,
  };
}

function parse(args: string[]) {
  return parseOrExplain(USAGE, {
    args,
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      series: { type: 'string' },
      dicomweb: { type: 'string' },
      heatmap: { type: 'boolean' },
      store: { type: 'boolean' },
      again: { type: 'boolean' },
      prior: { type: 'string' },
      'no-priors': { type: 'boolean' },
      model: { type: 'string' },
      provider: { type: 'string' },
      threads: { type: 'string' },
      objects: { type: 'string' },
      seg: { type: 'string' },
      liver: { type: 'string' },
      deflated: { type: 'boolean' },
      nifti: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}
