import type { Stage } from './manifest.ts';
import { bytesField, message, numberField, textField } from './onnx/protobuf.ts';
import { summariseOnnx } from './onnx/summary.ts';

/** What makes a network give probabilities beside its logits, and the outputs that hold them: [N, 1, Z, Y, X] each. */
export interface ProbabilityNodes {
  /** Comes behind the file's bytes. */
  readonly behind: Uint8Array;
  readonly liver: string;
  /** null where no channel stands for lesion. */
  readonly lesion: string | null;
}

/** Names of what is added begin so. */
const OURS = 'hepar.probabilities/';
/** From here on Slice takes its limits as inputs, and up to now all that is used here has meant the same. */
const OLDEST_OPSET = 10;
/** TensorProto.DataType and AttributeProto.AttributeType. */
const [FLOAT, INT64, TENSOR] = [1, 7, 4];

/**
 * The softmax over a network's channels, and the sums of channels of one name, as nodes of its graph: the runtime's
 * exponentials take many at a time, where a loop over the voxels takes one. Serialized protobuf messages that follow one another are
 * one message, whose lists are joined: so the nodes are written behind the file's bytes, and come behind its own nodes.
 * Field numbers are those of onnx.proto3.
 * @returns null for a graph that gives no logits, or of an operator set that is too old
 */
export function probabilityNodes(onnx: Uint8Array, { output, activation, channels }: Stage): ProbabilityNodes | null {
  if (activation !== 'logits' || (summariseOnnx(onnx).opset ?? 0) < OLDEST_OPSET) return null;
  const nodes = [...channels, ''].map((_, c) => constant(`${OURS}at ${c}`, c));
  const add = (operator: string, inputs: readonly string[], name: string) => {
    nodes.push(node(operator, inputs, OURS + name));
    return OURS + name;
  };
  const at = (c: number) => `${OURS}at ${c}`;
  const logits = channels.map((_, c) => add('Slice', [output, at(c), at(c + 1), at(1)], `logit ${c}`));
  // None is above the largest, so that none of the exponentials is infinite.
  const largest = add('Max', logits, 'largest');
  const shares = logits.map((logit, c) => add('Exp', [add('Sub', [logit, largest], `below ${c}`)], `share ${c}`));
  const all = add('Sum', shares, 'all');
  const probabilityOf = (name: 'liver' | 'lesion') => {
    const ofName = shares.filter((_, c) => channels[c] === name);
    if (ofName.length === 0) return null;
    return add('Div', [ofName.length > 1 ? add('Sum', ofName, `${name} shares`) : ofName[0]!, all], name);
  };
  const [liver, lesion] = [probabilityOf('liver'), probabilityOf('lesion')];
  if (liver === null) return null;
  const outputs = [liver, ...(lesion === null ? [] : [lesion])].map((name) => bytesField(12, floats(name)));
  const graph = message(...nodes.map((each) => bytesField(1, each)), ...outputs);
  return { behind: bytesField(7, graph), liver, lesion };
}

function node(operator: string, inputs: readonly string[], output: string): Uint8Array {
  return message(...inputs.map((name) => textField(1, name)), textField(2, output), textField(4, operator));
}

/** A list of one integer. */
function constant(name: string, value: number): Uint8Array {
  const tensor = message(numberField(1, 1), numberField(2, INT64), numberField(7, value));
  const attribute = message(textField(1, 'value'), bytesField(5, tensor), numberField(20, TENSOR));
  return message(node('Constant', [], name), bytesField(5, attribute));
}

/** An output whose dimensions the runtime finds. */
function floats(name: string): Uint8Array {
  return message(textField(1, name), bytesField(2, bytesField(1, numberField(1, FLOAT))));
}
