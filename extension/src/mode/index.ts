import { BUTTON_ID, BUTTON_TYPE, COMMANDS, HANGING_PROTOCOL, HOTKEYS, PANEL_ID } from '../id.ts';

/** A mode as the viewer's own modules define it; only what is built upon. */
interface ModeInstance {
  readonly toolbarButtons: readonly unknown[];
  readonly toolbarSections: readonly unknown[];
  readonly onModeEnter: (context: unknown) => void;
  readonly routes: readonly {
    readonly layoutInstance: { readonly id: string; readonly props: { readonly rightPanels: readonly string[] } };
  }[];
}
interface ModeModule {
  readonly modeInstance: ModeInstance;
}
const PRIMARY_TOOLS = ['WindowLevel', 'Pan', 'Zoom', 'TrackballRotate', 'Capture', 'Layout', 'Crosshairs', 'MoreTools'];

type LoadModules = (names: readonly string[]) => Promise<[segmentation: ModeModule, basic: ModeModule]>;

/** The viewer's segmentation mode with the button in its toolbar and the findings as its first panel. */
export default {
  id: '@hepar/mode-liver-lesions',
  async modeFactory({ loadModules }: { loadModules: LoadModules }) {
    const [{ modeInstance: base }, { modeInstance: basic }] = await loadModules([
      '@ohif/mode-segmentation',
      '@ohif/mode-basic',
    ]);
    const [route] = base.routes;
    const layout = route!.layoutInstance;
    return {
      ...base,
      id: '@hepar/mode-liver-lesions',
      routeName: 'liver-lesions',
      displayName: 'Liver lesions',
      hangingProtocol: HANGING_PROTOCOL,
      toolbarButtons: [...base.toolbarButtons, { id: BUTTON_ID, uiType: BUTTON_TYPE, props: { label: 'Segment' } }],
      // A section is replaced as a whole: the segmentation mode's own tools, and behind them the button.
      toolbarSections: [...base.toolbarSections, { primary: [...PRIMARY_TOOLS, BUTTON_ID] }],
      modeCustomizations: {
        // The viewer counts again after each stroke, and forgets a segment that is added meanwhile. The server measures.
        'panelSegmentation.disableUpdateSegmentationStats': { $set: true },
        // The pictures of a result are no film.
        autoCineModalities: { $set: ['US'] },
        'ohif.hotkeyBindings': {
          $push: [
            { commandName: COMMANDS.nextLesion, label: 'Next lesion', keys: [HOTKEYS.nextLesion], isEditable: true },
            {
              commandName: COMMANDS.previousLesion,
              label: 'Previous lesion',
              keys: [HOTKEYS.previousLesion],
              isEditable: true,
            },
          ],
        },
      },
      routes: [
        {
          ...route,
          path: 'liver-lesions',
          layoutInstance: {
            ...layout,
            props: {
              ...layout.props,
              rightPanels: [PANEL_ID, ...layout.props.rightPanels],
              rightPanelInitialExpandedWidth: 340,
            },
          },
        },
      ],
      // The segmentation mode's own switches to its editing panel as soon as a segmentation appears.
      onModeEnter: basic.onModeEnter,
    };
  },
};
