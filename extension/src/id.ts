/** Ids by which the viewer, its modes and its toolbar name what is in here. */
export const EXTENSION_ID = '@hepar/ohif-extension';
export const PANEL_NAME = 'findings';
export const PANEL_ID = `${EXTENSION_ID}.panelModule.${PANEL_NAME}`;
export const HANGING_PROTOCOL = '@hepar/one-ct';
export const BUTTON_ID = 'heparSegment';
export const BUTTON_TYPE = 'hepar.segmentButton';

export const COMMANDS = {
  segment: 'heparSegment',
  nextLesion: 'heparNextLesion',
  previousLesion: 'heparPreviousLesion',
} as const;

/** Keys that the viewer's own bindings leave free. */
export const HOTKEYS = { nextLesion: 'j', previousLesion: 'k' } as const;
