#!/usr/bin/env node
import { failureOf } from './failure.ts';

/** The `hepar` command. */
const COMMANDS: Record<string, { summary: string; load: () => Promise<(args: string[]) => Promise<number>> }> = {
  segment: {
    summary: 'segment the liver and its lesions in a CT series',
    load: async () => (await import('./segment.ts')).segmentCommand,
  },
  verify: {
    summary: 'check that an object of ours fits its source series',
    load: async () => (await import('./verify.ts')).verifyCommand,
  },
  phantom: {
    summary: 'write a CT series with a known liver and known lesions',
    load: async () => (await import('./phantom.ts')).phantomCommand,
  },
  start: {
    summary: 'start the archive, the companion server and the sample study',
    load: async () => (await import('./start.ts')).startCommand,
  },
  serve: {
    summary: 'start the companion server alone, for the archive that the environment names',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  worker: {
    summary: 'work off runs beside a companion server, on the PostgreSQL that DATABASE_URL names',
    load: async () => (await import('./worker.ts')).workerCommand,
  },
  rules: {
    summary: 'say which series of a study the rules would have segmented unasked, and why',
    load: async () => (await import('./rules.ts')).rulesCommand,
  },
  status: {
    summary: 'say how a running companion server is doing: runs, speed, workers, the archive’s news',
    load: async () => (await import('./status.ts')).statusCommand,
  },
  runs: {
    summary: 'list the runs that failed, with their reason, and queue them again',
    load: async () => (await import('./runs.ts')).runsCommand,
  },
  rerun: {
    summary: 'have everything segmented again by a new model, slowly, in the background',
    load: async () => (await import('./rerun.ts')).rerunCommand,
  },
  audit: {
    summary: 'print who asked for what, what was stored where, and who reviewed it',
    load: async () => (await import('./audit.ts')).auditCommand,
  },
  models: {
    summary: 'list, check, install models and choose the default',
    load: async () => (await import('./models.ts')).modelsCommand,
  },
  doctor: {
    summary: 'say what is installed, which provider runs and whether the archive can be reached',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
};

const [name, ...args] = process.argv.slice(2);
const command = name === undefined ? undefined : COMMANDS[name];
if (command) {
  try {
    const run = await command.load();
    process.exitCode = await run(args);
  } catch (error) {
    const { exitCode, text } = failureOf(error);
    process.stderr.write(`hepar ${name}: ${text}\n`);
    process.exitCode = exitCode;
  }
} else {
  const listing = Object.entries(COMMANDS).map(([each, { summary }]) => `  hepar ${each.padEnd(9)} ${summary}\n`);
  const usage = `usage:\n${listing.join('')}\nResearch use only. Not a medical device.\n`;
  const asked = name === undefined || name === 'help' || name === '--help';
  (asked ? process.stdout : process.stderr).write(asked ? usage : `hepar: no command '${name}'\n${usage}`);
  process.exitCode = asked ? 0 : 1;
}
