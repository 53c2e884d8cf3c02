import { PANEL_NAME } from './id.ts';
import { FindingsPanel } from './panel/findings-panel.tsx';
import { mounted } from './panel/mounted.tsx';
import type { Session } from './state/session.ts';

export function panelModule(session: () => Session) {
  return [
    {
      name: PANEL_NAME,
      iconName: 'icon-list-view',
      iconLabel: 'Liver lesions',
      label: 'Liver lesions',
      component: mounted(() => <FindingsPanel session={session()} />),
    },
  ];
}
