/**
 * Writes ONNX files small enough to be understood: one Conv layer whose weights the test chooses, and on request a
 * second one that looks at whole patches.
 * Protobuf by hand, with the field numbers of onnx.proto3, so that no test needs a Python machine-learning stack.
 */
export interface TinyNetwork {
  /** Weights [out, 1, kz, ky, kx] and a bias for each output channel; the kernel is odd and padded to keep the shape. */
  readonly weights: Float32Array;
  readonly bias: readonly number[];
  readonly kernelZyx: readonly [number, number, number];
  /** Dimensions of the input and output as the graph states them; text is a symbol. */
  readonly inputShape?: readonly (number | string)[];
  readonly outputShape?: readonly (number | string)[];
  readonly inputName?: string;
  readonly outputName?: string;
  /** Says that the weights lie in another file. */
  readonly externalWeights?: boolean;
  readonly operator?: string;
  /** Lets the output shrink by the kernel. */
  readonly unpadded?: boolean;
  /** Version of the operator set; 16 by default. */
  readonly opset?: number;
  /** A second output, [1, 1, Z / pz, Y / py, X / px]: steepness * (mean of the patch - threshold). */
  readonly presence?: TinyPresence;
}

export interface TinyPresence {
  readonly outputName?: string;
  readonly patchZyx: readonly [number, number, number];
  readonly threshold: number;
  readonly steepness: number;
}

export function tinyOnnx(network: TinyNetwork): Uint8Array {
  const { weights, bias, kernelZyx, inputName = 'x', outputName = 'y' } = network;
  const open = [1, 1, 'z', 'y', 'x'];
  const channels = bias.length;
  const node = message(
    text(1, inputName),
    text(1, 'w'),
    text(1, 'b'),
    text(2, outputName),
    text(4, network.operator ?? 'Conv'),
    bytes(5, intsAttribute('kernel_shape', kernelZyx)),
    bytes(
      5,
      intsAttribute(
        'pads',
        [...kernelZyx, ...kernelZyx].map((k) => (network.unpadded ? 0 : (k - 1) / 2)),
      ),
    ),
  );
  const { presence } = network;
  const graph = message(
    bytes(1, node),
    ...(presence ? [bytes(1, patchNode(inputName, presence))] : []),
    text(2, 'tiny'),
    bytes(5, tensor('w', [channels, 1, ...kernelZyx], weights, network.externalWeights ?? false)),
    bytes(5, tensor('b', [channels], Float32Array.from(bias), false)),
    ...(presence ? patchTensors(presence) : []),
    bytes(11, valueInfo(inputName, network.inputShape ?? open)),
    bytes(12, valueInfo(outputName, network.outputShape ?? [1, channels, ...open.slice(2)])),
    ...(presence ? [bytes(12, valueInfo(presence.outputName ?? 'presence', [1, 1, 'pz', 'py', 'px']))] : []),
  );
  return message(varint(1, 8), bytes(7, graph), bytes(8, message(text(1, ''), varint(2, network.opset ?? 16))));
}

function patchNode(inputName: string, { outputName = 'presence', patchZyx }: TinyPresence): Uint8Array {
  return message(
    text(1, inputName),
    text(1, 'patch-w'),
    text(1, 'patch-b'),
    text(2, outputName),
    text(4, 'Conv'),
    bytes(5, intsAttribute('kernel_shape', patchZyx)),
    bytes(5, intsAttribute('strides', patchZyx)),
  );
}

function patchTensors({ patchZyx, threshold, steepness }: TinyPresence): Uint8Array[] {
  const voxels = patchZyx[0] * patchZyx[1] * patchZyx[2];
  const weights = new Float32Array(voxels).fill(steepness / voxels);
  return [
    bytes(5, tensor('patch-w', [1, 1, ...patchZyx], weights, false)),
    bytes(5, tensor('patch-b', [1], Float32Array.of(-steepness * threshold), false)),
  ];
}

/**
 * A network that tells tissues apart by HU alone: channel c is the most probable where HU lies between thresholds
 * c - 1 and c, by a softmax over lines c * steepness * HU + bias that cross there.
 */
export function thresholdNetwork(thresholdsHu: readonly number[], steepness = 1): TinyNetwork {
  const bias = [0];
  for (const threshold of thresholdsHu) bias.push(bias.at(-1)! - steepness * threshold);
  return { weights: Float32Array.from(bias, (_, c) => c * steepness), bias, kernelZyx: [1, 1, 1] };
}

/** The same network, looking one voxel back along x, y and z: all that it finds moves one voxel to Left, Posterior, Superior. */
export function shiftedNetwork(network: TinyNetwork): TinyNetwork {
  const weights = new Float32Array(27 * network.bias.length);
  network.weights.forEach((weight, c) => {
    weights[27 * c] = weight;
  });
  return { ...network, weights, kernelZyx: [3, 3, 3] };
}

function tensor(name: string, dims: readonly number[], values: Float32Array, external: boolean): Uint8Array {
  const location = message(text(1, 'location'), text(2, '/etc/passwd'));
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return message(
    ...dims.map((dim) => varint(1, dim)),
    varint(2, 1),
    text(8, name),
    ...(external ? [bytes(13, location), varint(14, 1)] : [bytes(9, data)]),
  );
}

function valueInfo(name: string, shape: readonly (number | string)[]): Uint8Array {
  const dims = shape.map((dim) => bytes(1, typeof dim === 'number' ? varint(1, dim) : text(2, dim)));
  return message(text(1, name), bytes(2, bytes(1, message(varint(1, 1), bytes(2, message(...dims))))));
}

function intsAttribute(name: string, values: readonly number[]): Uint8Array {
  return message(text(1, name), ...values.map((value) => varint(8, value)), varint(20, 7));
}

function message(...fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields);
}

function number(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...number(Math.floor(value / 128))];
}

function varint(field: number, value: number): Uint8Array {
  return Uint8Array.from([...number(field * 8), ...number(value)]);
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.from([...number(field * 8 + 2), ...number(value.length)]), value]);
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, Buffer.from(value));
}
