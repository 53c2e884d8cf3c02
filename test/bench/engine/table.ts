/** Prints a row of a Markdown table. */
export function row(...cells: readonly (string | number)[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

/** Prints a table's heading. */
export function heading(...cells: readonly string[]): void {
  row(...cells);
  row(...cells.map(() => '---'));
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
