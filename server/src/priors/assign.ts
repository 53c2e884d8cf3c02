/**
 * The pairs of rows and columns with the largest total score, each row and column in one pair at most (Kuhn and Munkres'
 * method with potentials, of the order of n^3). Pairs without a positive score are never made.
 * @param scores scores[row][column]; all rows of one length
 * @returns for each row its column, or null
 */
export function assign(scores: readonly (readonly number[])[]): (number | null)[] {
  const rows = scores.length;
  const columns = scores[0]?.length ?? 0;
  // Made square with pairs of no score, so that every row has a column and the best total is that of the real pairs.
  const n = Math.max(rows, columns);
  const cost = (row: number, column: number) => -Math.max(0, scores[row]?.[column] ?? 0);
  const ofRow = new Float64Array(n + 1);
  const ofColumn = new Float64Array(n + 1);
  /** Row of each column, and the column before it on an augmenting path; 0 stands for none, counting from 1. */
  const rowOf = new Int32Array(n + 1);
  const before = new Int32Array(n + 1);
  for (let row = 1; row <= n; row++) {
    rowOf[0] = row;
    let column = 0;
    const least = new Float64Array(n + 1).fill(Number.POSITIVE_INFINITY);
    const used = new Uint8Array(n + 1);
    do {
      used[column] = 1;
      const at = rowOf[column]!;
      let delta = Number.POSITIVE_INFINITY;
      let next = 0;
      for (let c = 1; c <= n; c++) {
        if (used[c]) continue;
        const reduced = cost(at - 1, c - 1) - ofRow[at]! - ofColumn[c]!;
        if (reduced < least[c]!) {
          least[c] = reduced;
          before[c] = column;
        }
        if (least[c]! < delta) {
          delta = least[c]!;
          next = c;
        }
      }
      for (let c = 0; c <= n; c++) {
        if (used[c]) {
          ofRow[rowOf[c]!]! += delta;
          ofColumn[c]! -= delta;
        } else least[c]! -= delta;
      }
      column = next;
    } while (rowOf[column] !== 0);
    while (column !== 0) {
      rowOf[column] = rowOf[before[column]!]!;
      column = before[column]!;
    }
  }
  const pairs: (number | null)[] = Array.from({ length: rows }, () => null);
  for (let column = 1; column <= columns; column++) {
    const row = rowOf[column]! - 1;
    if (row < rows && (scores[row]?.[column - 1] ?? 0) > 0) pairs[row] = column - 1;
  }
  return pairs;
}
