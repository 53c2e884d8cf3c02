import { readdirSync, readFileSync } from 'node:fs';

/**
 * Follows the memory of a process and all its descendants (Linux): proportional set size, so that pages which they
 * share count once. `stop` gives the highest sum that was seen, in MiB.
 */
export function watchMemory(pid: number, everyMs = 50): { stop: () => number } {
  let peakKib = 0;
  const sample = () => {
    peakKib = Math.max(peakKib, memoryKib(pid));
  };
  sample();
  const timer = setInterval(sample, everyMs);
  return {
    stop: () => {
      clearInterval(timer);
      return peakKib / 1024;
    },
  };
}

/** The memory of a process and all its descendants at this moment, in MiB. */
export function memoryMib(pid: number): number {
  return memoryKib(pid) / 1024;
}

function memoryKib(pid: number): number {
  return processTree(pid).reduce((total, each) => total + pssKib(each), 0);
}

function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const parent = parentOf(pid);
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const tree = [root];
  for (let index = 0; index < tree.length; index++) tree.push(...(children.get(tree[index]!) ?? []));
  return tree;
}

function parentOf(pid: number): number | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  // The command, in brackets, may hold anything; state and parent follow it.
  return stat === null ? null : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** Memory of one process, MiB. */
export function pssMib(pid: number): number {
  return pssKib(pid) / 1024;
}

function pssKib(pid: number): number {
  const pss = /^Pss:\s+(\d+) kB$/m.exec(readOrNull(`/proc/${pid}/smaps_rollup`) ?? '');
  return pss ? Number(pss[1]) : 0;
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
