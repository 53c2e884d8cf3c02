import type { Provider } from './segmentation.ts';

export interface ProviderOptions {
  readonly provider: Provider;
  /** Which of several GPUs, from 0. */
  readonly device?: number | undefined;
  /** Of the CPU. */
  readonly threads: number;
}

/** An input or output as the graph states it; a dimension that is left open is a text or -1. */
export interface TensorInfo {
  readonly name: string;
  /** Element type; null for what is no tensor. */
  readonly type: string | null;
  readonly shape: readonly (number | string)[];
}

/** What the thread of the runtime is asked, and what it answers under the same number. */
export type ThreadRequest = { readonly id: number } & (
  | {
      readonly kind: 'open';
      readonly onnx: Uint8Array;
      readonly options: ProviderOptions;
      readonly released: Int32Array;
    }
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly input: string;
      readonly values: Float32Array;
      readonly shape: readonly number[];
      /** With `values`, memory of the output's size that receives it. */
      readonly outputs: readonly { readonly name: string; readonly values?: Float32Array; readonly shape: number[] }[];
    }
  | { readonly kind: 'release'; readonly session: number }
);

export type ThreadAnswer = { readonly id: number } & (
  | { readonly kind: 'opened'; readonly inputs: TensorInfo[]; readonly outputs: TensorInfo[] }
  | {
      readonly kind: 'ran';
      readonly outputs: { readonly type: string; readonly shape: readonly number[]; readonly values?: unknown }[];
    }
  | { readonly kind: 'released' }
  | { readonly kind: 'failed'; readonly message: string }
);
