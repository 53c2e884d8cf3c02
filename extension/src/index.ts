import { commandsModule } from './commandsModule.ts';
import { hangingProtocolModule } from './hangingProtocolModule.ts';
import { EXTENSION_ID } from './id.ts';
import type { ExtensionContext } from './ohif/types.ts';
import { panelModule } from './panelModule.tsx';
import { Session } from './state/session.ts';
import { toolbarModule } from './toolbarModule.tsx';

export default createExtension(new URL('..', import.meta.url));

/** @param server the server that this module was loaded from: it lies one folder above the plugins */
function createExtension(server: URL) {
  // The viewer may mount the panel before it announces that the mode was entered.
  let session: Session | null = null;
  const sessionOf = (context: ExtensionContext) => (): Session => {
    session ??= new Session(context, server);
    return session;
  };
  return {
    id: EXTENSION_ID,
    getCommandsModule: (context: ExtensionContext) => commandsModule(sessionOf(context)),
    getToolbarModule: (context: ExtensionContext) => toolbarModule(sessionOf(context)),
    getPanelModule: (context: ExtensionContext) => panelModule(sessionOf(context)),
    getHangingProtocolModule: hangingProtocolModule,
    onModeExit: () => {
      session?.stop();
      session = null;
    },
  };
}
