import { fieldsOf, textIn } from './protobuf.ts';

/** What an ONNX file says of itself. Field numbers are those of onnx.proto3. */
export interface OnnxSummary {
  /** Version of the operator set of the default domain; null when it names none. */
  readonly opset: number | null;
  /** How often each operator is used, by `domain.Name`; the default domain has no prefix. Subgraphs are not entered. */
  readonly operators: ReadonlyMap<string, number>;
  /** Whether a transposed convolution over three axes is among them. */
  readonly hasConvTranspose3d: boolean;
}

/** @throws RangeError when the bytes are no well-formed protobuf message */
export function summariseOnnx(onnx: Uint8Array): OnnxSummary {
  const operators = new Map<string, number>();
  let opset: number | null = null;
  let hasConvTranspose3d = false;
  for (const { field, bytes } of fieldsOf(onnx)) {
    if (field === 8 && bytes) {
      const [domain, version] = [textIn(bytes, 1), numberOf(bytes, 2)];
      if (domain === '' || domain === 'ai.onnx') opset = version;
    }
    if (field !== 7 || !bytes) continue;
    for (const node of fieldsOf(bytes)) {
      if (node.field !== 1 || !node.bytes) continue;
      const [type, domain] = [textIn(node.bytes, 4), textIn(node.bytes, 7)];
      const name = domain === '' || domain === 'ai.onnx' ? type : `${domain}.${type}`;
      operators.set(name, (operators.get(name) ?? 0) + 1);
      if (name === 'ConvTranspose' && kernelAxes(node.bytes) === 3) hasConvTranspose3d = true;
    }
  }
  return { opset, operators, hasConvTranspose3d };
}

/** Number of axes in a node's kernel_shape; 0 when it has none. */
function kernelAxes(node: Uint8Array): number {
  for (const { field, bytes } of fieldsOf(node)) {
    if (field !== 5 || !bytes || textIn(bytes, 1) !== 'kernel_shape') continue;
    let axes = 0;
    for (const each of fieldsOf(bytes)) {
      // Repeated integers are packed into one field, or a field each.
      if (each.field === 8) axes += each.bytes ? varintsIn(each.bytes) : 1;
    }
    return axes;
  }
  return 0;
}

function numberOf(message: Uint8Array, wanted: number): number | null {
  for (const { field, value } of fieldsOf(message)) if (field === wanted) return value;
  return null;
}

/** A varint ends with the byte whose highest bit is clear. */
const varintsIn = (bytes: Uint8Array) => bytes.reduce((count, byte) => count + (byte < 0x80 ? 1 : 0), 0);
