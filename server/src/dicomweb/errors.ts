/** What went wrong between us and an archive: one line, with the address but never with credentials. */
export abstract class ArchiveError extends Error {
  /** The address that was asked, without user name, password or query. */
  readonly url: string;
  /** Whether the same request may succeed a moment later. */
  abstract readonly transient: boolean;

  /** Whether it may succeed some minutes later: an archive that is full or fails of its own is looked after by somebody. */
  get mayPass(): boolean {
    return this.transient;
  }

  /** The same line without the address, for people whom it does not concern. */
  readonly withoutAddress: string;

  /** @param say the line, with the address or with nothing in its place */
  constructor(say: (address: string | null) => string, url: string | URL, cause?: unknown) {
    const address = withoutSecrets(url);
    super(say(address), cause === undefined ? undefined : { cause });
    this.url = address;
    this.withoutAddress = say(null);
  }
}

/** No answer at all: refused or reset connection, unknown host, TLS failure, or silence for longer than the idle time-out. */
export class ArchiveUnreachable extends ArchiveError {
  override readonly name = 'ArchiveUnreachable';
  readonly transient: boolean;

  constructor(url: string | URL, reason: string, options: { transient: boolean; cause?: unknown }) {
    super((address) => `${theArchive(address)} cannot be reached: ${reason}.`, url, options.cause);
    this.transient = options.transient;
  }
}

/** Statuses after which the same request may be sent again: RFC 9110 section 15, RFC 6585. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);

/** The archive answered, and the answer is no. */
export class ArchiveRefused extends ArchiveError {
  override readonly name = 'ArchiveRefused';
  readonly status: number;
  readonly transient: boolean;
  /** What the archive's Retry-After asks for; null when it does not say. */
  readonly retryAfterMs: number | null;

  constructor(url: string | URL, status: number, retryAfterMs: number | null = null) {
    const answer = `The archive answered ${status} (${meaningOf(status)})`;
    super((address) => (address ? `${answer} to ${address}.` : `${answer}.`), url);
    this.status = status;
    this.transient = TRANSIENT_STATUSES.has(status);
    this.retryAfterMs = retryAfterMs;
  }

  override get mayPass(): boolean {
    return this.transient || this.status >= 500;
  }
}

/** The archive does not hold what was asked for (404 or 410). */
export class NotFound extends ArchiveError {
  override readonly name = 'NotFound';
  readonly transient = false;

  constructor(url: string | URL) {
    super((address) => `The archive holds nothing ${address ? `at ${address}` : 'of what was asked for'}.`, url);
  }
}

/** What a run is about is no longer in the archive: nothing may be stored, or its study would be there again. */
export class SourceGone extends ArchiveError {
  override readonly name = 'SourceGone';
  readonly transient = false;

  /** @param what is gone: the series, or the result that was corrected */
  constructor(url: string | URL, what: 'series' | 'corrected result' = 'series') {
    super(() => `Source gone: the ${what} is no longer in the archive.`, url);
  }
}

/** An answer that began well and was cut off, is malformed, or is not what was asked for. */
export class BrokenTransfer extends ArchiveError {
  override readonly name = 'BrokenTransfer';
  readonly transient: boolean;

  constructor(url: string | URL, reason: string, options: { transient?: boolean; cause?: unknown } = {}) {
    super((address) => `The transfer from ${address ?? 'the archive'} is broken: ${reason}.`, url, options.cause);
    this.transient = options.transient ?? true;
  }
}

/** A7xxH out of resources, 0110H processing failure. */
const isPassing = (reason: number) => (reason & 0xff00) === 0xa700 || reason === 0x0110;

/** An object that the archive did not take. */
export interface StoreFailure {
  readonly sopInstanceUid: string;
  /** Failure Reason (0008,1197), PS3.18 table I.2-2; null when the archive gave none, or did not mention the object. */
  readonly reason: number | null;
}

/** The archive took only some of the objects, or none. */
export class StoreFailed extends ArchiveError {
  override readonly name = 'StoreFailed';
  readonly transient = false;
  readonly failures: readonly StoreFailure[];

  constructor(url: string | URL, failures: readonly StoreFailure[]) {
    const first = failures[0];
    const what = failures.length === 1 ? 'one object was' : `${failures.length} objects were`;
    const example = first ? `, first ${first.sopInstanceUid}: ${reasonOf(first.reason)}` : '';
    super((address) => `${theArchive(address)} did not store everything: ${what} not taken${example}.`, url);
    this.failures = failures;
  }

  override get mayPass(): boolean {
    return this.failures.every(({ reason }) => reason !== null && isPassing(reason));
  }
}

const theArchive = (address: string | null) => (address ? `The archive at ${address}` : 'The archive');

/** The address without user name, password, query and fragment; text that is no address becomes 'an invalid address'. */
export function withoutSecrets(url: string | URL): string {
  const parsed = URL.parse(String(url));
  return parsed ? `${parsed.protocol}//${parsed.host}${parsed.pathname}` : 'an invalid address';
}

function meaningOf(status: number): string {
  if (status === 401) return 'user name, password or token missing or wrong';
  if (status === 403) return 'not allowed';
  if (status === 406) return 'it cannot give this form';
  if (status === 413) return 'too large for it';
  if (status === 429) return 'too many requests';
  if (status >= 500) return 'an error of its own';
  return status >= 400 ? 'request not accepted' : 'not expected';
}

/** PS3.18 table I.2-2, 'Store Instances Response Failure Reason Values'. */
function reasonOf(reason: number | null): string {
  if (reason === null) return 'no reason given';
  const code = `${reason.toString(16).toUpperCase().padStart(4, '0')}H`;
  if (reason >= 0xa700 && reason <= 0xa7ff) return `${code}, out of resources`;
  if (reason >= 0xa900 && reason <= 0xa9ff) return `${code}, data set does not match its SOP class or study`;
  if (reason >= 0xc000 && reason <= 0xcfff) return `${code}, cannot understand`;
  const known: Record<number, string> = {
    272: 'processing failure',
    273: 'SOP instance is there already',
    279: 'invalid object instance',
    290: 'SOP class not supported',
    292: 'not authorised',
    49442: 'transfer syntax not supported',
  };
  return known[reason] ? `${code}, ${known[reason]}` : code;
}
