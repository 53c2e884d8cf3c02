import { rmSync } from 'node:fs';
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Queue } from '../../server/src/jobs/queue.ts';

let template: Promise<string> | undefined;

/** Puts an empty queue into a server's data folder: a copy of one that is made once, since making one takes seconds. */
export async function provideQueue(dataDir: string): Promise<void> {
  template ??= makeTemplate();
  await cp(await template, join(dataDir, 'queue'), { recursive: true });
}

async function makeTemplate(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'hepar-queue-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const queue = await Queue.open({ dir, logger: pino({ level: 'silent' }) });
  await queue.close();
  return dir;
}
