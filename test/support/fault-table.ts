import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const FILE = fileURLToPath(new URL('../../docs/faults.md', import.meta.url));

/** What came of one fault at one stage. */
export interface Tried {
  readonly fault: string;
  readonly stage: string;
  readonly outcome: string;
  readonly attempts: number;
}

/** Prints the table of the faults that were tried, and writes it into the documentation where HEPAR_FAULT_TABLE asks for that. */
export async function writeFaultTable(tried: readonly Tried[]): Promise<void> {
  const rows = [...new Set(tried.map(({ fault }) => fault))].map((fault) => {
    const own = tried.filter((each) => each.fault === fault);
    const count = (outcome: string) => own.filter((each) => each.outcome === outcome).length;
    const stages = own.map(({ stage }) => stage).join(', ');
    const most = Math.max(...own.map(({ attempts }) => attempts));
    return `| ${fault} | ${stages} | ${own.length} | ${count('lost')} | ${count('duplicate')} | ${most} |`;
  });
  const table = `| fault | at which stage of the run | times tried | runs lost | duplicates | most attempts |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
  process.stdout.write(`\n${table}\n`);
  if (process.env.HEPAR_FAULT_TABLE) await writeFile(FILE, INTRODUCTION + table);
}

const INTRODUCTION = `# Faults

What was broken on purpose in the middle of a run, and what came of it. A run is lost when its series has no result at the
end, or none that can be read whole; a duplicate is a second result in the archive for the same run. Each time the log has to
say in a line what happened, too.

\`npm run bench -- faults\` tries every row at every stage, on a real Orthanc and, with several machines, a real PostgreSQL,
and writes this table. What befalls the way from the archive to the queue, such as late slices, a study that is deleted or a
flood of messages, is in [automation.md](automation.md); the tests break each of those as well.

`;
