import { fieldsOf, messagesAt, numberField, type Pieces, replaced, textIn } from './protobuf.ts';

// Field numbers are those of onnx.proto3.
const [GRAPH, INPUT, NAME, TYPE, TENSOR, SHAPE, DIMENSION] = [7, 11, 1, 2, 1, 2, 1];
const [VALUE, PARAMETER] = [1, 2];

/** The dimensions of a graph's input as its file states them, a text or -1 where one is open; empty where it states none. */
export function inputShape(onnx: Uint8Array, input: string): (number | string)[] {
  return [...messagesAt(onnx, GRAPH, INPUT)]
    .filter((info) => textIn(info, NAME) === input)
    .flatMap((info) => [...messagesAt(info, TYPE, TENSOR, SHAPE, DIMENSION)])
    .map((dimension) => sizeIn(dimension) ?? (textIn(dimension, PARAMETER) || -1));
}

/**
 * The network with numbers where its input's dimensions are open. What has a size before it runs is planned and put together
 * once; what has none, with each window.
 * @returns null where none is open
 */
export function withInputShape(onnx: Uint8Array, input: string, shape: readonly number[]): Pieces | null {
  if (inputShape(onnx, input).every(isFixed)) return null;
  const sized = (stated: Uint8Array) => {
    let axis = 0;
    return replaced(stated, DIMENSION, (dimension) => {
      const size = shape[axis++];
      return [size === undefined || sizeIn(dimension) !== null ? dimension : numberField(VALUE, size)];
    });
  };
  const inTensor = (type: Uint8Array) => replaced(type, TENSOR, (tensor) => replaced(tensor, SHAPE, sized));
  const inInput = (info: Uint8Array) => (textIn(info, NAME) === input ? replaced(info, TYPE, inTensor) : [info]);
  return replaced(onnx, GRAPH, (graph) => replaced(graph, INPUT, inInput));
}

/** Whether a dimension, as a file or the runtime states it, is a number. */
export function isFixed(dimension: number | string): dimension is number {
  return typeof dimension === 'number' && dimension >= 0;
}

/** null where the dimension is open. */
function sizeIn(dimension: Uint8Array): number | null {
  let size: number | null = null;
  // A negative number, which some write for what is open, has ten bytes and is read as a very large one.
  for (const { field, value } of fieldsOf(dimension)) if (field === VALUE) size = value;
  return size !== null && Number.isSafeInteger(size) ? size : null;
}
