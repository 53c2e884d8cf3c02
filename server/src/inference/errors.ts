import { type Cause, causeOf, remedyFor } from './remedy.ts';
import type { Provider } from './segmentation.ts';

/** A model folder that cannot be used. One problem a line in `problems`; the message joins them. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  readonly dir: string;
  readonly problems: readonly string[];

  constructor(dir: string, problems: readonly string[], options?: ErrorOptions) {
    super(`model in ${dir}: ${problems.join('; ')}`, options);
    this.dir = dir;
    this.problems = problems;
  }
}

/** A provider that was asked for and cannot run the network, or computes it wrongly. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly provider: Provider;
  /** Why, as far as the runtime's words tell. */
  readonly reason: Cause;
  /** What a person can do about it. */
  readonly remedy: string | null;

  constructor(provider: Provider, text: string, options?: ErrorOptions) {
    const reason = causeOf(text);
    const remedy = remedyFor(provider, reason);
    const advice = remedy === null ? '' : `. To do: ${remedy}`;
    super(`provider ${provider} cannot run this model here: ${firstLine(text)}${advice}`, options);
    this.provider = provider;
    this.reason = reason;
    this.remedy = remedy;
  }
}

/** The network and its manifest disagree; found when the network is opened. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly file: string;

  constructor(file: string, problem: string, options?: ErrorOptions) {
    super(`network ${file}: ${firstLine(problem)}`, options);
    this.file = file;
  }
}

/** The first line, without the runtime's own source file and condition before the reason. */
function firstLine(text: string): string {
  return text
    .split('\n', 1)[0]!
    .replace(/^.*onnxruntime_src.* was false\. (?=.)/, '')
    .trim();
}
