import { COMMANDS } from './id.ts';
import type { Session } from './state/session.ts';

/** What a toolbar, a hotkey or another extension can ask for by name. */
export function commandsModule(session: () => Session) {
  return {
    defaultContext: 'DEFAULT',
    definitions: {
      [COMMANDS.segment]: () => session().press(),
      [COMMANDS.nextLesion]: () => session().step(1),
      [COMMANDS.previousLesion]: () => session().step(-1),
    },
  };
}
