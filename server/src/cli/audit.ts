import type { AuditView } from '../http/contract.ts';
import { columns, findCompanion } from './companion.ts';
import { parseOrExplain, UsageError } from './failure.ts';

const USAGE = `usage: hepar audit [--run ID] [--after NUMBER] [--json]

Prints the audit log of the companion server at HEPAR_URL (default: the one on this machine), oldest first. HEPAR_TOKEN is
its token. --json prints one entry a line.
`;

/** `hepar audit`: who asked for what, what was stored where, and who reviewed it. */
export async function auditCommand(args: string[]): Promise<number> {
  const values = readArguments(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const companion = findCompanion();
  const run = values.run === undefined ? '' : `&run=${encodeURIComponent(values.run)}`;
  let after = Number(values.after ?? 0);
  if (!Number.isInteger(after) || after < 0) throw new UsageError('--after must be the number of an entry.');
  for (;;) {
    const entries = await companion.ask<AuditView>('GET', `/api/audit?after=${after}${run}`);
    if (entries.length === 0) return 0;
    process.stdout.write(
      values.json ? entries.map((entry) => `${JSON.stringify(entry)}\n`).join('') : columns(entries.map(rowOf)),
    );
    after = entries.at(-1)!.number;
  }
}

function rowOf({ number, at, event, run, who, seriesInstanceUID, details }: AuditView[number]): (string | number)[] {
  const more = Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${value}`);
  return [number, at, event, who ?? '-', run ?? '-', seriesInstanceUID ?? '-', more.join(' ')];
}

function readArguments(args: string[]) {
  const options = {
    run: { type: 'string' },
    after: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  } as const;
  return parseOrExplain(USAGE, { args, options }).values;
}
