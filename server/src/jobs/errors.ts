/** The engine process ended in the middle of a run: it crashed, or was killed, e.g. for want of memory. */
export class EngineCrashed extends Error {
  override readonly name = 'EngineCrashed';
  readonly exitCode: number | null;
  readonly exitSignal: NodeJS.Signals | null;
  /** The last lines that it wrote, for the log. */
  readonly output: readonly string[];

  constructor(exitCode: number | null, exitSignal: NodeJS.Signals | null, output: readonly string[] = []) {
    const how = exitSignal === null ? `exit code ${exitCode}` : `signal ${exitSignal}`;
    super(`The engine process ended in the middle of the run (${how}).`);
    this.exitCode = exitCode;
    this.exitSignal = exitSignal;
    this.output = output;
  }
}

/** The pipeline threw something that is no refusal; told again in the process that asked. */
export class PipelineFailed extends Error {
  override readonly name = 'PipelineFailed';
  /** Name of the error's class in the engine process. */
  readonly kind: string;
  /** Whether the same run may succeed a moment later: the archive was down, a transfer was cut off. */
  readonly transient: boolean;
  /** The stack in the engine process, for the log. */
  readonly engineStack: string | undefined;

  constructor(kind: string, message: string, transient: boolean, engineStack?: string) {
    super(message);
    this.kind = kind;
    this.transient = transient;
    this.engineStack = engineStack;
  }
}

/** The queue's database cannot be opened, or was lost. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/** Whether the database is gone. node-postgres says so by a code of the system, PostgreSQL's class 57P or 08, or words alone. */
export function isDatabaseLost(error: unknown): boolean {
  if (error instanceof DatabaseError) return true;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && /^(57P0\d|08\d{3}|ECONNREFUSED|ECONNRESET|EPIPE)$/.test(code)) return true;
  return (
    typeof message === 'string' && /^(Connection terminated|timeout exceeded when trying to connect)/.test(message)
  );
}

/** Why a run was stopped; the reason of its AbortSignal. */
export class RunCancelled extends Error {
  override readonly name = 'RunCancelled';

  constructor() {
    super('The run was cancelled.');
  }
}

/** The server is going down: the run is put back into the queue. */
export class ServerStopping extends Error {
  override readonly name = 'ServerStopping';

  constructor() {
    super('The server is stopping.');
  }
}

/** The run made no progress for too long: its engine is killed, and it counts as an attempt. */
export class RunStuck extends Error {
  override readonly name = 'RunStuck';

  constructor(afterMs: number) {
    super(
      `The run made no progress for ${afterMs >= 60_000 ? `${afterMs / 60_000} minutes` : `${afterMs / 1_000} s`}.`,
    );
  }
}

/** The run was given to another worker, or its time ran out: what becomes of it is no longer ours to say. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost';

  constructor(cause: unknown) {
    super('The run is no longer this worker’s.', { cause });
  }
}
