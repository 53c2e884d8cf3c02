import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { z } from 'zod';

/** A kind of work within a network. */
export interface Kind {
  readonly name: string;
  readonly ms: number;
  /** Of convolutions whose every channel sees all of the input's. */
  readonly flops: number;
}

const shapes = z.array(z.record(z.string(), z.array(z.number())));
const EVENT = z.object({
  cat: z.string(),
  name: z.string(),
  dur: z.number(),
  args: z.looseObject({
    op_name: z.string().optional(),
    input_type_shape: shapes.optional(),
    output_type_shape: shapes.optional(),
  }),
});

/** What the runtime says of a window's time on one core, by kinds of operators: the mean of a few windows. */
export async function timeByKind(file: string, shape: readonly number[], scratch: string): Promise<Kind[]> {
  const session = await InferenceSession.create(file, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    enableProfiling: true,
    profileFilePrefix: join(scratch, 'profile'),
  });
  const size = shape.reduce((a, b) => a * b);
  const input = new Tensor(
    'float32',
    Float32Array.from({ length: size }, (_, n) => Math.sin(n)),
    [...shape],
  );
  const runs = 5;
  for (let run = 0; run < runs; run++) await session.run({ [session.inputNames[0]!]: input });
  session.endProfiling();
  await session.release();
  const events = z.array(z.unknown()).parse(JSON.parse(readFileSync(globSync(join(scratch, 'profile*'))[0]!, 'utf8')));
  const kinds = new Map<string, { ms: number; flops: number }>();
  for (const event of events) {
    const { success, data } = EVENT.safeParse(event);
    if (!success || data.cat !== 'Node' || !data.name.endsWith('_kernel_time')) continue;
    const [name, flops] = kindOf(data);
    const kind = kinds.get(name) ?? { ms: 0, flops: 0 };
    kinds.set(name, { ms: kind.ms + data.dur / 1000 / runs, flops: kind.flops + flops / runs });
  }
  return [...kinds].map(([name, kind]) => ({ name, ...kind })).toSorted((a, b) => b.ms - a.ms);
}

/** With the operations of a convolution, two for a multiplication and addition. */
function kindOf({ args }: z.infer<typeof EVENT>): [string, number] {
  const dimensions = (of: typeof args.input_type_shape, n: number) => Object.values(of?.[n] ?? {})[0] ?? [];
  const product = (numbers: readonly number[]) => numbers.reduce((a, b) => a * b, 1);
  switch (args.op_name) {
    case 'Conv': {
      const kernel = dimensions(args.input_type_shape, 1);
      if (kernel[1] === 1 && kernel[2] === 1) return ['sums and differences of slices', 0];
      const flops = 2 * product(dimensions(args.output_type_shape, 0)) * product(kernel.slice(1));
      return [kernel[2] === 3 ? 'convolutions of 3 x 3' : 'other convolutions', flops];
    }
    case 'Add':
      return ['sums and differences of slices', 0];
    case 'ReorderInput':
    case 'ReorderOutput':
      return ['channels into blocks and out of them', 0];
    default:
      return ['repeated and moved slices, the voxels of the head', 0];
  }
}
