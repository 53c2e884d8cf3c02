import { equal, match, ok } from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findOrthanc, freePort } from '../../server/src/cli/orthanc.ts';
import { createArchive } from '../../server/src/dicomweb/archive.ts';
import { eventually, provideAutomation, SECRET, smallSeries } from '../support/intake.ts';
import { type KeptOrthanc, startKeptOrthanc } from '../support/kept-orthanc.ts';

const PYTHON_PLUGIN = '/usr/share/orthanc/plugins/libOrthancPython.so';
const script = (name: string) => join(process.cwd(), 'orthanc', name);
/** What each of the two scripts needs in Orthanc's configuration. */
const HOOKS: Record<string, () => Record<string, unknown>> = {
  'hepar.lua': () => ({ LuaScripts: [script('hepar.lua')], HttpTimeout: 1 }),
  'hepar_webhook.py': () => ({
    Plugins: [...findOrthanc().plugins, PYTHON_PLUGIN],
    PythonScript: script('hepar_webhook.py'),
    PythonVerbose: false,
  }),
};

for (const [name, settings] of Object.entries(HOOKS)) {
  describe(`${name} in a real Orthanc`, function () {
    this.timeout(300_000);
    let orthanc: KeptOrthanc | undefined;

    before(function () {
      if (name.endsWith('.py') && !existsSync(PYTHON_PLUGIN)) this.skip();
    });
    afterEach(async () => {
      await orthanc?.stop();
      orthanc = undefined;
    });

    const startOrthanc = (Url: string) =>
      startKeptOrthanc({ StableAge: 1, ...settings(), Hepar: { Url, Secret: SECRET } });

    it('has a series queued as soon as it is stable, however rarely the archive is asked', async () => {
      const port = await freePort();
      orthanc = await startOrthanc(`http://127.0.0.1:${port}/webhooks/orthanc`);
      const automation = await provideAutomation(orthanc);
      const companion = await automation.start({ HEPAR_PORT: String(port), HEPAR_INTAKE_SECONDS: '3600' });
      try {
        // Until what is read at the start has been read.
        await eventually(
          () => companion.intake!.status(),
          ({ readAt, follows }) => follows && readAt !== null,
        );
        await automation.archive.store(smallSeries('2.25.1', '2.25.1.1'), '2.25.1');
        const isStable = async () => {
          const page = await orthanc!.get<{ Changes: { ChangeType: string }[] }>('/changes?since=0&limit=100');
          return page.Changes.some(({ ChangeType }) => ChangeType === 'StableStudy');
        };
        await eventually(isStable, (stable) => stable);
        const stableAt = Date.now();
        const [run] = await eventually(
          () => companion.runs('2.25.1'),
          (runs) => runs.length > 0,
        );
        const latencyMs = Date.parse(run!.createdAt) - stableAt;
        // Under two seconds (npm run bench -- automation); a busy machine may need longer, but not the hour.
        ok(latencyMs < 20_000, `${latencyMs} ms`);
      } finally {
        await companion.close();
        await automation.stop();
      }
    });

    it('sends what the companion takes, and what nobody can make who does not know the secret', async () => {
      const messages: { headers: IncomingMessage['headers']; body: string }[] = [];
      const receiver = await listen((request, body) => void messages.push({ headers: request.headers, body }));
      orthanc = await startOrthanc(receiver.url);
      await send(orthanc);
      await eventually(
        async () => messages,
        (all) => all.length >= 2,
      );
      await receiver.close();
      for (const { headers, body } of messages) {
        equal(headers['content-type'], 'application/json');
        match(body, /^\{"event": "stable-(series|study)", "resource": "[0-9a-f-]{44}"\}$/);
        if (name.endsWith('.lua')) equal(headers['x-hepar-secret'], SECRET);
        else
          ok(!JSON.stringify(headers).includes(SECRET) && /^[0-9a-f]{64}$/.test(String(headers['x-hepar-signature'])));
      }
    });

    it(`holds up Orthanc ${name.endsWith('.py') ? 'not at all' : 'for a second a message'} when the companion does not answer`, async () => {
      let heard = 0;
      const receiver = await listen(() => heard++, true);
      orthanc = await startOrthanc(receiver.url);
      await send(orthanc);
      const waits: number[] = [];
      for (const end = Date.now() + 6_000; Date.now() < end; ) {
        const began = performance.now();
        await orthanc.get('/system');
        waits.push(performance.now() - began);
        await sleep(20);
      }
      await receiver.close();
      ok(heard >= 1, 'nothing was sent');
      const longest = Math.max(...waits);
      // Two messages for one study, each a second at most; the machine may be slow besides.
      ok(longest < (name.endsWith('.py') ? 1_000 : 4_000), `${Math.round(longest)} ms`);
    });
  });
}

async function send({ dicomWebUrl: url, username, password }: KeptOrthanc): Promise<void> {
  const archive = createArchive({ url, username, password });
  await archive.store(smallSeries('2.25.1', '2.25.1.1'), '2.25.1');
  archive.close();
}

/** Somebody who hears what is sent. @param isDeaf and never answers */
async function listen(
  hear: (request: IncomingMessage, body: string) => void,
  isDeaf = false,
): Promise<{ url: string; close(): Promise<void> }> {
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (data) => {
      body += data;
    });
    request.on('end', () => {
      hear(request, body);
      if (!isDeaf) response.writeHead(202).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
