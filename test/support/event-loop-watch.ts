/** Loaded before a program (`node --import`): tells over IPC, when it is asked, what the program's event loop went through. */
import { watchEventLoop } from './event-loop.ts';

const watch = watchEventLoop();
process.on('message', (message) => {
  if (message === 'event loop?') process.send?.(watch.read());
});
// The program ends when it has nothing else to do.
process.channel?.unref();
