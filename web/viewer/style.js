/** How the viewer looks, in the colours of the front end's theme. */

export const STYLE_ID = "p2p-viewer-style";

export const STYLE = `
.p2p-viewer {
  --p2p-accent: var(--p-primary-color, #64b5f6);
  box-sizing: border-box; width: 100%; height: 100%; contain: layout size; container-type: inline-size;
  display: flex; flex-direction: column; gap: 6px; padding: 2px;
  color: var(--fg-color, #ddd); font: 12px/1.35 var(--font-inter, system-ui), sans-serif; user-select: none;
}
/* Front end 1.35.9 gives a row that grows to its own text widgets only. A row beyond those it lists grows too. */
.lg-node-widgets[style$="min-content;"] > .lg-node-widget:last-child:has(.p2p-viewer) { grid-row: -2 / span 2; }
.p2p-viewer [hidden] { display: none !important; }
.p2p-viewer :focus-visible { outline: 2px solid var(--p2p-accent); outline-offset: 1px; }
.p2p-viewer-note { margin: 0; padding: 2px 4px; color: var(--descrip-text, #999); }
.p2p-viewer-bar { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; flex: none; }
/* Names, pictures and words of all figures in the same three rows; pictures as large as there is room. */
.p2p-viewer-stage {
  --p2p-wide: calc((100cqw - 4px - 8px * (var(--p2p-figures) - 1)) / var(--p2p-figures));
  display: grid; gap: 3px 8px; flex: 1 1 0; min-height: 120px; min-width: 0; align-content: center;
  grid-template: auto minmax(60px, calc(var(--p2p-wide) / var(--p2p-shape))) auto
    / repeat(var(--p2p-figures), minmax(0, 1fr));
}
.p2p-viewer-figure { display: grid; grid-row: span 3; grid-template-rows: subgrid; min-width: 0; margin: 0; }
.p2p-viewer-name { color: var(--descrip-text, #999); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
figcaption.p2p-viewer-name { text-align: center; }
.p2p-viewer-room { container-type: size; display: grid; place-items: center; }
.p2p-viewer-box {
  position: relative; overflow: hidden; border-radius: 4px; background: #000; cursor: crosshair; touch-action: none;
  aspect-ratio: var(--p2p-shape); width: min(100cqw, 100cqh * var(--p2p-shape));
}
.p2p-viewer-layer, .p2p-viewer-layer > * { position: absolute; inset: 0; width: 100%; height: 100%; }
.p2p-viewer-layer > * { pointer-events: none; }
.p2p-viewer-image { object-fit: fill; }
.p2p-viewer-mark {
  position: absolute; width: 13px; height: 13px; margin: -7px 0 0 -7px; border-radius: 50%; pointer-events: none;
  border: 2px solid #fff; box-shadow: 0 0 0 1px #000, inset 0 0 0 1px #000;
}
.p2p-viewer-range {
  position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize;
  appearance: none; -webkit-appearance: none;
}
.p2p-viewer-range::-webkit-slider-thumb { -webkit-appearance: none; width: 1px; height: 100%; }
.p2p-viewer-range::-moz-range-thumb { width: 1px; height: 100%; border: 0; }
.p2p-viewer-divider {
  position: absolute; top: 0; bottom: 0; width: 2px; margin-left: -1px; background: #fff; pointer-events: none;
  box-shadow: 0 0 0 1px rgb(0 0 0 / 0.6);
}
.p2p-viewer-divider::after {
  content: "◂▸"; position: absolute; top: 50%; left: 50%; transform: translate(-50%, -50%); padding: 2px 5px;
  border-radius: 999px; background: #fff; color: #222; font-size: 10px; letter-spacing: 2px; text-indent: 1px;
}
.p2p-viewer-range:focus-visible + .p2p-viewer-divider { background: var(--p2p-accent); }
.p2p-viewer-range:focus-visible + .p2p-viewer-divider::after {
  outline: 2px solid var(--p2p-accent); outline-offset: 2px;
}
.p2p-viewer-words { max-height: 5.4em; overflow-y: auto; flex: none; min-width: 0; padding: 2px; }
.p2p-viewer-prompt { display: flex; flex-wrap: wrap; gap: 3px; }
.p2p-viewer-prompt + .p2p-viewer-prompt {
  margin-top: 4px; padding-top: 4px; border-top: 1px dashed var(--border-color, #555);
}
.p2p-viewer-lines { display: flex; flex-direction: column; gap: 2px; flex: none; }
.p2p-viewer-line { display: grid; grid-template-columns: 5.5em 1fr; align-items: center; }
.p2p-viewer-line .p2p-viewer-words { max-height: 3.6em; }
.p2p-viewer button, .p2p-viewer-select {
  font: inherit; color: var(--input-text, #ddd); background: var(--comfy-input-bg, #222); cursor: pointer;
  border: 1px solid var(--border-color, #555); border-radius: 4px; padding: 1px 6px; margin: 0;
}
.p2p-viewer button:disabled { opacity: 0.45; cursor: not-allowed; }
.p2p-viewer button.p2p-viewer-word {
  padding: 0 5px; max-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
}
.p2p-viewer button.p2p-viewer-focused {
  background: var(--p2p-accent); border-color: var(--p2p-accent); color: var(--p-primary-contrast-color, #10161d);
}
.p2p-viewer button.p2p-viewer-word[aria-pressed="true"] { box-shadow: inset 0 -3px 0 0 #ffd54f; }
.p2p-viewer button.p2p-viewer-absent { opacity: 0.5; }
.p2p-viewer-switch { display: inline-flex; }
.p2p-viewer-switch button { border-radius: 0; }
.p2p-viewer-switch button + button { border-left-width: 0; }
.p2p-viewer-switch button:first-child { border-radius: 4px 0 0 4px; }
.p2p-viewer-switch button:last-child { border-radius: 0 4px 4px 0; }
.p2p-viewer-switch button[aria-pressed="true"] {
  background: var(--fg-color, #ddd); color: var(--comfy-menu-bg, #222); border-color: var(--fg-color, #ddd);
}
.p2p-viewer-slider { display: inline-flex; align-items: center; gap: 5px; flex: 1 1 130px; min-width: 0; }
.p2p-viewer-slider input {
  flex: 1 1 60px; min-width: 40px; accent-color: var(--p2p-accent); margin: 0; height: 16px;
}
.p2p-viewer-legend { display: inline-flex; align-items: center; gap: 5px; }
/* Of one width, or words would move away from the pointer when their map is shown. */
.p2p-viewer-legend .p2p-viewer-said { width: 6.5em; overflow: hidden; text-overflow: ellipsis; }
.p2p-viewer-colours { width: 40px; height: 8px; border-radius: 2px; }
.p2p-viewer-whole-line { flex-basis: 100%; }
.p2p-viewer-whole-line .p2p-viewer-said { min-width: 11em; }
.p2p-viewer-said { color: var(--descrip-text, #999); white-space: nowrap; min-width: 3em; }
.p2p-viewer-ranking {
  display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 2px 10px; align-content: start; flex: none;
  height: 36px; margin: 0; padding: 0 2px; list-style: none;
}
.p2p-viewer-hint { grid-column: 1 / -1; color: var(--descrip-text, #999); }
.p2p-viewer-rank {
  display: grid; grid-template-columns: minmax(0, 1fr) 32% 3.6em; gap: 5px; align-items: center; line-height: 17px;
}
.p2p-viewer-rank-word { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.p2p-viewer-bar-of {
  height: 7px; border-radius: 2px;
  background: linear-gradient(var(--p2p-accent) 0 0) no-repeat var(--comfy-input-bg, #222);
  background-size: calc(var(--p2p-share) * 100%) 100%;
}
.p2p-viewer-rank-value { text-align: right; color: var(--descrip-text, #999); font-variant-numeric: tabular-nums; }
`;
