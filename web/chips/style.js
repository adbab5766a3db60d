/** How chips look, in the colours of the front end's theme. Blue is less, orange is more: told apart by everyone. */

export const STYLE = `
.p2p-chips { --p2p-more: #e8890c; --p2p-less: #2f7fe0; --p2p-ink: var(--input-text, var(--fg-color, #ddd));
  --p2p-ground: var(--comfy-input-bg, #222); --p2p-line: var(--border-color, #4e4e4e);
  --p2p-dim: var(--descrip-text, #999); --p2p-focus: var(--p-primary-color, #60a5fa);
  box-sizing: border-box; width: 100%; height: 100%; min-width: 0; contain: layout size; overflow: auto;
  scrollbar-width: thin; color: var(--p2p-ink); font: 12px/16px Inter, Arial, sans-serif; text-align: left;
  user-select: none; cursor: default; }
.lg-node-widget .p2p-chips, .lg-node .p2p-chips {
  --p2p-ground: var(--component-node-widget-background, var(--comfy-input-bg, #222)); }
/* Front end 1.35.9 gives a row that grows to its own text widgets only. A row beyond those it lists grows too. */
.lg-node-widgets[style$="min-content;"] > .lg-node-widget:last-child:has(.p2p-chips.widget-expands) {
  grid-row: -2 / span 2; }
.p2p-section + .p2p-section { margin-top: 3px; }
.p2p-label { align-self: center; margin-right: 2px; color: var(--p2p-dim); font-size: 11px; }
.p2p-list { display: flex; flex-wrap: wrap; gap: 4px; align-items: stretch; min-width: 0; padding: 2px; }
.p2p-note { margin: 0; padding: 0 2px; color: var(--p2p-dim); font-size: 11px; line-height: 14px;
  overflow-wrap: anywhere; }
.p2p-note.is-error { color: var(--error-text, #f66); }
.p2p-chip { box-sizing: border-box; position: relative; display: flex; flex-direction: column; min-width: 52px;
  max-width: 100%; border: 1px solid var(--p2p-line); border-radius: 6px; background: var(--p2p-ground); }
.p2p-chip.is-added { border-style: dashed; border-color: var(--p2p-ink); }
.p2p-chip.is-replaced { border-color: var(--p2p-ink); }
.p2p-chip.is-set { background: color-mix(in srgb, var(--p2p-tint, var(--p2p-ink)) var(--p2p-strength, 14%),
  var(--p2p-ground)); }
.p2p-chip.is-dim, .p2p-chip.is-fixed { opacity: .65; }
.p2p-plain { align-self: center; color: var(--p2p-dim); }
.p2p-removed { align-self: center; padding: 0 3px; color: var(--p2p-dim); text-decoration: line-through; }
.p2p-word { display: flex; gap: 5px; align-items: baseline; padding: 1px 6px; border-radius: 5px; min-width: 0; }
.p2p-word > span { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.p2p-old { color: var(--p2p-dim); font-size: 11px; }
.p2p-chip .p2p-number { margin-left: auto; flex: none; font-variant-numeric: tabular-nums; color: var(--p2p-dim); }
.p2p-chip.is-set .p2p-number { color: var(--p2p-ink); font-weight: 600; }
.p2p-slider { cursor: ew-resize; touch-action: none; }
.is-fixed .p2p-slider, .is-fixed .p2p-handle { cursor: default; }
.p2p-gauge { position: relative; height: 4px; margin: 0 6px 2px; border-radius: 2px;
  background: color-mix(in srgb, var(--p2p-ink) 16%, transparent); }
.p2p-gauge > i { position: absolute; top: 0; bottom: 0; border-radius: 2px; background: var(--p2p-tint); }
.p2p-gauge::after { content: ""; position: absolute; left: 50%; top: -2px; bottom: -2px; width: 1px;
  background: var(--p2p-ink); }
.p2p-track { position: relative; height: 8px; margin: 1px 6px 2px; touch-action: none; opacity: .4; }
.has-window .p2p-track, .p2p-chip:hover .p2p-track, .p2p-chip:focus-within .p2p-track { opacity: 1; }
.p2p-track::before { content: ""; position: absolute; left: 0; right: 0; top: 3px; height: 2px; border-radius: 1px;
  background: color-mix(in srgb, var(--p2p-ink) 16%, transparent); }
.p2p-track > i { position: absolute; top: 3px; height: 2px; background: var(--p2p-dim); }
.p2p-handle { position: absolute; top: 0; width: 5px; height: 8px; margin-left: -2.5px; border-radius: 2px;
  background: var(--p2p-dim); cursor: ew-resize; touch-action: none; }
.p2p-handle::before { content: ""; position: absolute; inset: -3px -4px; }
.has-window .p2p-track > i, .has-window .p2p-handle { background: var(--p2p-ink); }
.p2p-toggle { flex-direction: row; min-width: 0; padding: 0; color: inherit; font: inherit; cursor: pointer; }
.p2p-toggle .p2p-word::before { content: "○"; font-size: 9px; color: var(--p2p-dim); }
.p2p-toggle[aria-pressed="true"] .p2p-word::before { content: "●"; color: inherit; }
.p2p-toggle[aria-pressed="true"] { --p2p-strength: 34%; --p2p-tint: var(--p2p-less); }
.p2p-toggle[aria-disabled="true"] { cursor: default; }
.p2p-chips :focus-visible { outline: 2px solid var(--p2p-focus); outline-offset: 1px; }
`;
