import { connectedComponents } from '../volume/components.ts';
import { voxelCount, voxelMl } from '../volume/geometry.ts';
import type { Grid, Vec3 } from '../volume/volume.ts';
import type { WindowProbabilities } from './session.ts';

/** Up to so many windows are run at once: there is nothing to be spared. */
const FEW_WINDOWS = 8;
/** More than half of a small liver: with so much of it in one piece, nothing larger is looked for. */
const ENOUGH_ML = 600;
/** A window whose neighbours are more certain than this of a voxel of its own is run as well. */
const PERHAPS = 0.1;
const [UNLIKELY, POSSIBLE, LIKELY] = [0, 1, 2] as const;

/**
 * In which order the windows over a long scan are run until the liver is known: first every second layer along z, and of its
 * windows every second, which leaves gaps that a liver of the usual size does not fit in. Then those that hold any of
 * what looks like liver, until there are no more: so all windows over the liver are run, and those far from it are not.
 * Where what was found may be something else, since it is too small, all are run: only a liver that lies in a gap, while
 * something else of ENOUGH_ML is taken for liver, is not found.
 */
export class LiverSearch {
  readonly #grid: Grid;
  readonly #window: Vec3;
  /** Of each voxel how likely it is liver; null while nothing is searched for. */
  #seen: Uint8Array | null = null;

  /** @param grid what the windows slide over */
  constructor(grid: Grid, window: Vec3) {
    this.#grid = grid;
    this.#window = window;
  }

  /** Takes note of what a window has shown. */
  see(start: Vec3, { liver, lesion }: Pick<WindowProbabilities, 'liver' | 'lesion'>): void {
    const seen = this.#seen;
    if (!seen) return;
    const [width] = this.#window;
    let from = 0;
    for (const row of this.#rowsOf(start)) {
      for (let x = 0; x < width; x++, from++) {
        const probability = lesion ? liver[from]! + lesion[from]! : liver[from]!;
        if (!(probability > PERHAPS)) continue;
        const likely = probability > 0.5 ? LIKELY : POSSIBLE;
        if (seen[row + x]! < likely) seen[row + x] = likely;
      }
    }
  }

  /** Which of the windows are to be run first. */
  first(windows: readonly Vec3[]): readonly Vec3[] {
    if (windows.length <= FEW_WINDOWS) return windows;
    this.#seen = new Uint8Array(voxelCount(this.#grid.shape));
    const [xs, ys, zs] = ([0, 1, 2] as const).map((axis) =>
      [...new Set(windows.map((start) => start[axis]))].sort((a, b) => a - b),
    );
    return windows.filter(([x, y, z]) => {
      const layer = zs!.indexOf(z);
      // The last layer too: a liver that the scan cuts lies there.
      return (layer % 2 === 0 || layer === zs!.length - 1) && (xs!.indexOf(x) + ys!.indexOf(y)) % 2 === 0;
    });
  }

  /** Which of those that have not been run are next; none when the liver is known. */
  next(left: readonly Vec3[]): readonly Vec3[] {
    const seen = this.#seen;
    if (!seen) return [];
    const touched = left.filter((start) => this.#isPossibleIn(seen, start));
    return touched.length > 0 || this.#isEnough(seen) ? touched : left;
  }

  #isPossibleIn(seen: Uint8Array, start: Vec3): boolean {
    for (const row of this.#rowsOf(start)) {
      for (let x = row; x < row + this.#window[0]; x++) if (seen[x] !== UNLIKELY) return true;
    }
    return false;
  }

  #isEnough(seen: Uint8Array): boolean {
    const { sizes } = connectedComponents(seen, this.#grid.shape, (value) => value === LIKELY);
    return sizes.some((size) => size * voxelMl(this.#grid) >= ENOUGH_ML);
  }

  /** The first voxels of a window's rows along x, in their order. */
  *#rowsOf([x, y, z]: Vec3): Generator<number> {
    const [nx, ny] = this.#grid.shape;
    for (let k = 0; k < this.#window[2]; k++) {
      for (let j = 0; j < this.#window[1]; j++) yield x + nx * (y + j + ny * (z + k));
    }
  }
}
