import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { rulesCommand } from '../../server/src/cli/rules.ts';
import { type Automation, type Companion, eventually, provideAutomation, smallSeries } from '../support/intake.ts';
import { type KeptOrthanc, startKeptOrthanc } from '../support/kept-orthanc.ts';
import { json } from '../unit/http/support.ts';

const run = promisify(execFile);
const RULES = 'rules: [{name: any}]\nsearch: {days: 2}';
const today = (daysAgo = 0) =>
  new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');

/** Of Orthanc only its DICOMweb is used here. */
describe('automation on an archive that has DICOMweb and no feed', () => {
  let orthanc: KeptOrthanc;
  let automation: Automation;
  let companion: Companion;

  before(async () => {
    orthanc = await startKeptOrthanc({ StableAge: 60 });
    automation = await provideAutomation(orthanc, RULES);
    companion = await automation.start({ HEPAR_ORTHANC_URL: '' });
  });
  after(async () => {
    await companion?.close();
    await automation?.stop();
    await orthanc?.stop();
  });
  const send = (study: string, slices: number, studyDate: string) =>
    automation.archive.store(smallSeries(study, `${study}.1`, slices, 'portal venous', studyDate), study);

  it('has a new study segmented once it is quiet, and again when slices have come; old ones are left alone', async () => {
    await send('2.25.7', 12, today(40));
    await send('2.25.1', 12, today());
    const [first] = await eventually(
      () => companion.runs('2.25.1'),
      ([each]) => each?.state === 'done',
    );
    equal(first!.rule, 'any');
    await send('2.25.1', 20, today());
    const [second] = await eventually(
      () => companion.runs('2.25.1'),
      (runs) => runs.length === 2 && runs.every(({ state }) => state === 'done'),
    );
    equal(second!.supersedes, first!.id);
    deepEqual(await companion.runs('2.25.7'), []);
    equal((await companion.intake!.status()).source, 'search');
  });

  it('is explained by the same rules: over HTTP, and by hepar rules test', async () => {
    const body = JSON.stringify({ studyInstanceUID: '2.25.7' });
    const headers = { 'content-type': 'application/json' };
    const [said] = await json<{ verdict: string; why: string }[]>(
      fetch(`${companion.url}/api/rules/test`, { method: 'POST', headers, body }),
    );
    equal(said!.verdict, 'no');
    match(said!.why, /^rule 'any': age of the study 4\d days, wanted at most 30$/);
    const env = {
      ...process.env,
      HEPAR_DICOMWEB_USERNAME: orthanc.username,
      HEPAR_DICOMWEB_PASSWORD: orthanc.password,
      HEPAR_DICOMWEB_URL: orthanc.dicomWebUrl,
      HEPAR_RULES: automation.rulesFile,
    };
    const hepar = (...args: string[]) => run(process.execPath, ['server/src/cli/main.ts', 'rules', ...args], { env });
    match(
      (await hepar('test', '2.25.7')).stdout,
      /^no {5}2\.25\.7\.1 {2}portal venous: rule 'any': age of the study 4\d days/,
    );
    match(
      (await hepar('test', '2.25.1')).stdout,
      /^RUN {4}2\.25\.1\.1 {2}portal venous: rule 'any', score \d+: portal venous/m,
    );
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      for (const [args, message] of [
        [['test', '2.25.404'], /^The archive has no study 2\.25\.404\.$/],
        [['test', '../x'], /^STUDYUID must be a DICOM UID\.$/],
        [['test'], /^usage: hepar rules test STUDYUID/],
        [['try', '2.25.1'], /^usage: hepar rules test STUDYUID/],
        [['check', '--rules', '/nowhere.yaml'], /^\/nowhere\.yaml: cannot be read: ENOENT$/],
        [['check', '--rules', 'orthanc/orthanc.json'], /^orthanc\/orthanc\.json: line \d+: /],
      ] as const) {
        await rejects(rulesCommand([...args]), { message });
      }
    } finally {
      for (const name of Object.keys(env)) if (!(name in before)) delete process.env[name];
    }
  });
});
