import { existsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { readConfig } from '../config.ts';
import { createArchive } from '../dicomweb/archive.ts';
import { stagesOf } from '../inference/manifest.ts';
import { loadModel, type Model, readNetwork } from '../inference/model.ts';
import { openSession, type Provider } from '../inference/provider.ts';
import { VERSION } from '../version.ts';
import { bundledModelDir } from './bundled-model.ts';
import { findOrthanc } from './orthanc.ts';

const PROVIDERS: readonly Provider[] = ['cuda', 'webgpu', 'cpu'];

/** `hepar doctor`: what is here and what runs. Exit code 0 when a series could be segmented, else 1. */
export async function doctorCommand(): Promise<number> {
  const config = readConfig();
  const lines: [string, string][] = [
    ['Hepar', VERSION],
    ['Node', process.version],
    ['machine', `${process.platform}-${process.arch}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`],
  ];
  const model = await attempt(() => loadModel(bundledModelDir()));
  lines.push(['model', model.ok ? `${model.value.manifest.id} ${model.value.manifest.version}` : model.reason]);
  let runs = false;
  for (const provider of PROVIDERS) {
    const probed = model.ok
      ? await attempt(() => probe(model.value, provider))
      : { ok: false as const, reason: 'no model' };
    runs ||= probed.ok;
    lines.push([provider, probed.ok ? `runs (${probed.value})` : probed.reason]);
  }
  lines.push(['archive', await archiveLine(config.archive)]);
  for (const [what, found] of lines) process.stdout.write(`${what.padEnd(8)} ${found.split('\n')[0]}\n`);
  return runs ? 0 : 1;
}

/** One window of the model's first stage, for real. */
async function probe({ dir, manifest }: Model, provider: Provider): Promise<string> {
  const { stage } = stagesOf(manifest)[0]!;
  const session = await openSession((network) => readNetwork(dir, network), stage, provider, cpus().length);
  const [x, y, z] = stage.windowVoxels;
  const started = performance.now();
  await session.run(new Float32Array(x * y * z));
  const milliseconds = Math.round(performance.now() - started);
  await session.release();
  return `${session.engine.device}, ${milliseconds} ms a window of ${x} x ${y} x ${z}`;
}

async function archiveLine(address: ReturnType<typeof readConfig>['archive']): Promise<string> {
  if (address) {
    const archive = createArchive({ ...address, retry: { tries: 1 } });
    const answered = await attempt(() => archive.ping());
    archive.close();
    return answered.ok ? `${archive.url} answers` : answered.reason;
  }
  const found = await attempt(() => findOrthanc());
  if (!found.ok) return found.reason;
  const { binary, plugins } = found.value;
  const gdcm = plugins.length > 1 && existsSync(plugins[1]!) ? '' : ', without its GDCM plugin';
  return `none configured; hepar start uses ${binary}${gdcm}`;
}

async function attempt<T>(work: () => T | Promise<T>): Promise<{ ok: true; value: T } | { ok: false; reason: string }> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
