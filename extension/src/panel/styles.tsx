/** One sheet for the button and the panel; all names begin with 'hepar', so that it meets nothing of the viewer's. */
export function Styles() {
  return <style>{SHEET}</style>;
}

const SHEET = `
.hepar { color: #e6ebf2; font-size: 13px; line-height: 1.4; font-variant-numeric: tabular-nums; }
.hepar p, .hepar h2, .hepar h3, .hepar dl, .hepar dd { margin: 0; }
.hepar button { font: inherit; color: inherit; background: #1d2b45; border: 1px solid #34507d; border-radius: 4px; padding: 3px 9px; cursor: pointer; }
.hepar button:hover { background: #27406b; }
.hepar button:disabled { opacity: .5; cursor: not-allowed; }
.hepar :is(button, input, select, textarea, [tabindex]):focus-visible { outline: 2px solid #5acce6; outline-offset: 1px; }
.hepar .hepar-primary { background: #1f6fd6; border-color: #1f6fd6; color: #fff; font-weight: 600; }
.hepar .hepar-primary:hover { background: #2f80e8; }
.hepar-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.hepar-quiet { color: #a5b4c9; }
.hepar-row { display: flex; align-items: center; gap: 6px; }
.hepar-between { justify-content: space-between; flex-wrap: wrap; }

.hepar-tool { position: relative; display: flex; align-items: center; height: 100%; }
.hepar .hepar-tool-button { display: flex; align-items: center; gap: 6px; height: 32px; padding: 0 12px; white-space: nowrap; }
.hepar .hepar-tool-button.hepar-disabled { color: #7d8a9e; background: transparent; border-color: #2a374d; cursor: not-allowed; }
.hepar-hint { position: absolute; top: calc(100% + 6px); left: 50%; transform: translateX(-50%); z-index: 50; width: max-content; max-width: 300px; padding: 6px 10px; border: 1px solid #34507d; border-radius: 4px; background: #0b1626; visibility: hidden; pointer-events: none; }
.hepar-tool:hover .hepar-hint, .hepar-tool-button:focus-visible + .hepar-hint { visibility: visible; }
.hepar-spinner { width: 12px; height: 12px; border: 2px solid #5acce6; border-right-color: transparent; border-radius: 50%; animation: hepar-turn 1s linear infinite; }
@keyframes hepar-turn { to { transform: rotate(1turn); } }

.hepar-panel { display: flex; flex-direction: column; gap: 10px; height: 100%; box-sizing: border-box; padding: 10px; overflow-y: auto; overflow-wrap: anywhere; background: #050b14; }
.hepar h2 { font-size: 14px; font-weight: 600; }
.hepar-series { color: #a5b4c9; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.hepar-card { display: flex; flex-direction: column; gap: 8px; padding: 10px; border: 1px solid #2a3f63; border-radius: 6px; background: #0c1829; }
.hepar-card.hepar-row { flex-direction: row; }
.hepar-card h3 { font-size: 14px; font-weight: 600; }
.hepar-note { padding: 6px 9px; border-left: 3px solid #d9a441; background: #1a1609; }
.hepar-error { border-left-color: #e2685f; background: #1f0f0e; }
.hepar-bar { height: 8px; border-radius: 4px; background: #1d2b45; overflow: hidden; }
.hepar-bar span { display: block; height: 100%; border-radius: 4px; background: #5acce6; transition: width .3s; }
.hepar-bar-unknown span { width: 30%; animation: hepar-slide 1.6s ease-in-out infinite alternate; }
@keyframes hepar-slide { to { margin-left: 70%; } }
.hepar-phase { font-weight: 600; }

.hepar-result { display: flex; flex-direction: column; gap: 10px; }
.hepar .hepar-headline { font-size: 18px; font-weight: 600; }
.hepar-figures { display: flex; gap: 24px; }
.hepar-figures dt { color: #a5b4c9; font-size: 12px; }
.hepar-figures dd { font-size: 15px; }
.hepar-drawing { display: flex; flex-direction: column; gap: 6px; }
.hepar-choice { display: flex; flex: none; margin: 0; padding: 0; border: 1px solid #34507d; border-radius: 4px; overflow: hidden; }
.hepar-choice input { position: absolute; opacity: 0; }
.hepar-choice span { display: block; padding: 3px 10px; white-space: nowrap; cursor: pointer; }
.hepar-choice input:checked + span { background: #27406b; color: #fff; }
.hepar-choice input:focus-visible + span { outline: 2px solid #5acce6; outline-offset: -2px; }
.hepar-slider input { flex: 1; min-width: 60px; accent-color: #5acce6; }
.hepar-tools .hepar-slider { flex: 1; min-width: 0; }
.hepar-slider output { width: 44px; text-align: right; }
.hepar input[type=checkbox] { accent-color: #5acce6; }
.hepar-picker select { flex: 1; min-width: 0; font: inherit; color: inherit; background: #0c1829; border: 1px solid #34507d; border-radius: 4px; padding: 3px; }

.hepar-small { font-size: 12px; }
.hepar-stack { display: flex; flex-direction: column; gap: 4px; }
.hepar textarea { font: inherit; color: inherit; background: #07101d; border: 1px solid #34507d; border-radius: 4px; padding: 4px 6px; resize: vertical; }
.hepar-segments { margin: 0; padding: 0; border: 0; max-height: 272px; overflow-y: auto; }
.hepar-segments > div { height: 30px; padding: 0 4px; border-bottom: 1px solid #17243a; }
.hepar-segments > .hepar-selected { background: #1b3760; }
.hepar-segments label { flex: 1; cursor: pointer; }
.hepar-segments input { accent-color: #5acce6; margin: 0 2px; }
.hepar .hepar-segments button { padding: 1px 7px; font-size: 12px; }
.hepar-review { display: flex; flex-direction: column; gap: 8px; padding-top: 8px; border-top: 1px solid #17243a; }
.hepar-review q { display: block; }

.hepar-others { display: flex; flex-direction: column; gap: 6px; padding-top: 8px; border-top: 1px solid #17243a; }
.hepar-others .hepar-row { flex-wrap: nowrap; }
.hepar-others button { flex: none; white-space: nowrap; }

.hepar-scroll { margin: -3px; padding: 3px; overflow-x: auto; }
.hepar-table { width: 100%; border-collapse: collapse; }
.hepar-table :is(th, td) { padding: 0 3px; height: 30px; text-align: right; font-weight: 400; white-space: nowrap; border-bottom: 1px solid #17243a; }
.hepar-table :is(th, td):first-child { text-align: left; padding-left: 0; }
.hepar-table thead button { padding: 2px 0; border: 0; background: none; color: #a5b4c9; }
.hepar-table thead button:hover { background: none; color: #fff; }
.hepar-table small { font-size: 11px; }
.hepar-table thead button { position: relative; }
.hepar-arrow { position: absolute; bottom: -7px; right: 0; font-size: 11px; line-height: 1; color: #5acce6; }
.hepar-table tbody tr { cursor: pointer; }
.hepar-table tbody tr:hover { background: #10203a; }
.hepar-table tbody tr.hepar-selected { background: #1b3760; }
.hepar-dimmed td, .hepar-dimmed th { color: #77859a; }
.hepar .hepar-jump { display: flex; align-items: center; gap: 6px; padding: 2px 4px; border-color: transparent; background: none; }
.hepar-swatch { width: 12px; height: 12px; border-radius: 3px; box-shadow: 0 0 0 1px #0008; }
.hepar .hepar-eye { display: inline-flex; padding: 4px; border-color: transparent; background: none; vertical-align: middle; }
.hepar kbd { padding: 0 4px; border: 1px solid #3c5276; border-radius: 3px; font-size: 11px; font-family: inherit; color: #a5b4c9; }
.hepar-compared summary { cursor: pointer; }
.hepar-compared { display: flex; flex-direction: column; gap: 6px; }
.hepar-compared .hepar-table tbody tr { cursor: auto; }
.hepar-compared .hepar-table small { display: block; color: #a5b4c9; }
.hepar-compared .hepar-table :is(th, td):nth-child(2) { text-align: left; white-space: normal; padding: 4px 3px; }
.hepar-origin { display: flex; flex-direction: column; gap: 6px; color: #a5b4c9; font-size: 12px; }
.hepar-notice { color: #d8c48f; }
@media (prefers-reduced-motion: reduce) { .hepar-spinner, .hepar-bar-unknown span { animation: none; } }
`;
