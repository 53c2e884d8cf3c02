import { fieldsOf } from './protobuf.ts';

/**
 * A look at an ONNX file's structure without running it: is it a protobuf at all, and does it keep all its data inside?
 * Field numbers are those of onnx.proto3. Only the fields that can lead to a TensorProto are entered.
 */

/** A message's fields that hold other messages which may hold tensors. */
interface MessageType {
  readonly [field: number]: MessageType | 'data-location';
}

const TENSOR: MessageType = { 14: 'data-location' };
const SPARSE_TENSOR: MessageType = { 1: TENSOR, 2: TENSOR };
const ATTRIBUTE: Record<number, MessageType> = { 5: TENSOR, 10: TENSOR, 22: SPARSE_TENSOR, 23: SPARSE_TENSOR };
const NODE: MessageType = { 5: ATTRIBUTE };
const GRAPH: MessageType = { 1: NODE, 5: TENSOR, 15: SPARSE_TENSOR };
// Control-flow nodes hold graphs in their attributes.
ATTRIBUTE[6] = GRAPH;
ATTRIBUTE[11] = GRAPH;
const FUNCTION: MessageType = { 7: NODE, 11: ATTRIBUTE };
const TRAINING: MessageType = { 1: GRAPH, 2: GRAPH };
const MODEL: MessageType = { 7: GRAPH, 20: TRAINING, 25: FUNCTION };

const EXTERNAL = 1;
const DEEPEST = 64;

/**
 * How many tensors of an ONNX file keep their data in another file (TensorProto.data_location = EXTERNAL).
 * @throws RangeError when the bytes are no well-formed protobuf message
 */
export function externalTensors(onnx: Uint8Array): number {
  if (onnx.length === 0) throw new RangeError('the file is empty');
  return countExternal(onnx, MODEL, 0);
}

function countExternal(message: Uint8Array, type: MessageType, depth: number): number {
  if (depth > DEEPEST) throw new RangeError('messages are nested too deeply');
  let count = 0;
  for (const { field, value, bytes } of fieldsOf(message)) {
    const inner = type[field];
    if (inner === 'data-location' && value === EXTERNAL) count++;
    if (typeof inner === 'object' && bytes) count += countExternal(bytes, inner, depth + 1);
  }
  return count;
}
