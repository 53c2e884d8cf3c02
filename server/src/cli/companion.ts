import { readConfig } from '../config.ts';
import type { ErrorView } from '../http/contract.ts';

/** A companion server that runs, asked over HTTP. */
export interface Companion {
  readonly url: string;
  /** @throws Error with the server's own line when it answers with an error, or with its address when it does not answer */
  ask<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T>;
}

/**
 * The server that HEPAR_URL names or, without it, the one on this machine; with the token of HEPAR_TOKEN or, without it,
 * the first of HEPAR_AUTH.
 */
export function findCompanion(environment: NodeJS.ProcessEnv = process.env): Companion {
  const config = readConfig(environment);
  const url = (environment.HEPAR_URL || `http://127.0.0.1:${config.port}`).replace(/\/+$/, '');
  const token = environment.HEPAR_TOKEN || config.auth?.[0]?.secret;
  return {
    url,
    ask: async (method, path, body) => {
      const answer = await fetch(url + path, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
        },
        ...(method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {}),
      }).catch((cause) => {
        throw new Error(`No companion server answers at ${url}: HEPAR_URL names another.`, { cause });
      });
      const said: unknown = await answer.json().catch(() => null);
      if (!answer.ok)
        throw new Error((said as ErrorView | null)?.error?.message ?? `${url} answered ${answer.status}.`);
      return said as never;
    },
  };
}

/** Columns as wide as they have to be, with two spaces between them. */
export function columns(rows: readonly (readonly (string | number)[])[]): string {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, index) => Math.max(widest[index] ?? 0, String(cell).length)),
    [],
  );
  const lines = rows.map((row) =>
    row
      .map((cell, index) => String(cell).padEnd(widths[index]!))
      .join('  ')
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join('');
}
