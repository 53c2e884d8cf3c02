/** A test that takes long, or needs a machine that does nothing else: one of `npm run test:full` only. */
export function itInFull(title: string, test: Mocha.AsyncFunc): void {
  if (process.env.HEPAR_TEST_FULL) it(title, test);
}
