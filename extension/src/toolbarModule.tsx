import { BUTTON_TYPE } from './id.ts';
import { mounted } from './panel/mounted.tsx';
import { SegmentButton } from './panel/segment-button.tsx';
import type { Session } from './state/session.ts';

export function toolbarModule(session: () => Session) {
  return [{ name: BUTTON_TYPE, defaultComponent: mounted(() => <SegmentButton session={session()} />) }];
}
