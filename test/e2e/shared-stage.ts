import { Stage } from './stage.ts';

let opened: Promise<Stage> | null = null;

/** One archive, server and browser for all files of tests: each has patients of its own. */
export function sharedStage(): Promise<Stage> {
  opened ??= Stage.open();
  return opened;
}

after('the stage is closed', async () => {
  await (await opened?.catch(() => null))?.close();
});
