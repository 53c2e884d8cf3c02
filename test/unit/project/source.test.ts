import { ok, strictEqual } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

describe('the source', () => {
  it('type-checks in strict mode', () => {
    const check = spawnSync('node_modules/.bin/tsc', ['--noEmit'], { encoding: 'utf8' });
    strictEqual(check.status, 0, check.stdout + check.stderr);
  });

  it('is linted and formatted', () => {
    const check = spawnSync('node_modules/.bin/biome', ['check', '--error-on-warnings', '.'], { encoding: 'utf8' });
    strictEqual(check.status, 0, check.stdout + check.stderr);
  });

  it('has arrows between its folders that point one way', () => {
    const offenders: string[] = [];
    for (const file of globSync('server/src/**/*.ts')) {
      const from = roomOf(file);
      for (const [, target] of readFileSync(file, 'utf8').matchAll(/^(?:import|export)[^;]*? from '(\.[^']+)';/gm)) {
        const to = roomOf(join(dirname(file), target!));
        if (to !== from && !MAY_IMPORT[from]?.includes(to)) offenders.push(`${file} imports ${target}`);
      }
    }
    strictEqual(offenders.join('\n'), '');
    ok(Object.keys(MAY_IMPORT).length > 0);
  });
});

/** Which folder of server/src may import which; 'shared' stands for the small files in server/src itself. */
const STAGE = ['dicom', 'volume', 'inference', 'findings', 'correction', 'shared'];
const MAY_IMPORT: Record<string, string[]> = {
  shared: ['dicom'],
  dicom: [],
  volume: ['dicom', 'shared'],
  dicomweb: ['dicom', 'shared'],
  inference: ['dicom', 'volume', 'shared'],
  findings: ['dicom', 'volume', 'inference', 'shared'],
  correction: ['dicom', 'volume', 'inference', 'findings', 'shared'],
  reports: STAGE,
  priors: [...STAGE, 'dicomweb', 'reports'],
  phantom: ['dicom', 'volume', 'shared'],
  pipeline: [...STAGE, 'dicomweb', 'priors', 'reports'],
  jobs: [...STAGE, 'dicomweb', 'pipeline', 'reports', 'config'],
  config: ['dicomweb', 'inference', 'pipeline', 'reports'],
  intake: ['dicomweb', 'jobs', 'reports', 'volume', 'shared'],
  http: [...STAGE, 'dicomweb', 'intake', 'jobs', 'pipeline', 'config'],
  server: ['config', 'dicomweb', 'http', 'inference', 'intake', 'jobs', 'reports'],
  cli: [...STAGE, 'config', 'dicomweb', 'http', 'intake', 'jobs', 'phantom', 'pipeline', 'priors', 'reports', 'server'],
};
const TOP: Record<string, string> = {
  'pipeline.ts': 'pipeline',
  'result-folder.ts': 'pipeline',
  'archived-result.ts': 'pipeline',
  'correct.ts': 'pipeline',
  'restore.ts': 'pipeline',
  'review.ts': 'pipeline',
  'config.ts': 'config',
  'server.ts': 'server',
  'worker.ts': 'server',
};

function roomOf(file: string): string {
  const [room, rest] = file.replace(/^.*server\/src\//, '').split('/', 2);
  return rest === undefined ? (TOP[room!] ?? 'shared') : room!;
}
