/** How the timeline and the forming maps look, in the colours of the front end's theme. */

export const STYLE_ID = "p2p-live-style";

export const STYLE = `
.p2p-live {
  --p2p-accent: var(--p-primary-color, #64b5f6); --p2p-label: 46%;
  --p2p-swap: #4c9be8; --p2p-scale: #e0913a; --p2p-move: #b07ad9; --p2p-keep: #7f8b99; --p2p-self: #35a58a;
  --p2p-blend: #d0648a; --p2p-adjust: #c9b458;
  box-sizing: border-box; width: 100%; height: 100%; contain: layout size; overflow: hidden;
  display: flex; flex-direction: column; gap: 3px; padding: 2px 4px;
  color: var(--fg-color, #ddd); font: 11px/15px var(--font-inter, system-ui), sans-serif; user-select: none;
}
.p2p-live[hidden], .p2p-live [hidden] { display: none !important; }
.p2p-live :focus-visible { outline: 2px solid var(--p2p-accent); outline-offset: -1px; }
.p2p-live-hint { margin: 0; color: var(--descrip-text, #999); }
.p2p-live-head { display: flex; gap: 8px; flex: none; }
.p2p-live-now { flex: 1 1 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 600; }
.p2p-live-phase { flex: none; color: var(--descrip-text, #999); font-variant-numeric: tabular-nums; }
.p2p-live[data-phase="stopped"] .p2p-live-phase, .p2p-live[data-phase="failed"] .p2p-live-phase {
  color: var(--error-text, #ff6b6b);
}
.p2p-live-note {
  flex: none; max-height: 60px; margin: 0; overflow: hidden auto; scrollbar-width: thin; user-select: text;
  color: var(--warning-text, #e0a93a);
}
.p2p-live-scroll {
  flex: 0 1 auto; min-height: 0; overflow: hidden auto; scrollbar-width: thin; border-radius: 4px;
  background: var(--comfy-input-bg, #222);
}
.p2p-live-rows { position: relative; padding: 2px 8px 2px 6px; }
.p2p-live-title {
  height: 17px; line-height: 17px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  color: var(--descrip-text, #999);
}
.p2p-live-row { display: flex; align-items: center; height: 17px; }
.p2p-live-label {
  flex: 0 0 var(--p2p-label); box-sizing: border-box; padding-right: 8px; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap;
}
.p2p-live-track { position: relative; flex: 1 1 0; height: 9px; }
.p2p-live-bar { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 2px; background: var(--p2p-colour); }
.p2p-live[data-phase="running"] .p2p-live-row:not(.p2p-live-active),
.p2p-live[data-phase="stopped"] .p2p-live-row:not(.p2p-live-active),
.p2p-live[data-phase="failed"] .p2p-live-row:not(.p2p-live-active) { opacity: 0.42; }
.p2p-live-active .p2p-live-label { font-weight: 600; }
.p2p-live-axis { position: absolute; top: 2px; bottom: 2px; left: calc(6px + (100% - 14px) * 0.46); right: 8px; pointer-events: none; }
.p2p-live-tick { position: absolute; top: 0; bottom: 0; width: 1px; background: var(--fg-color, #ddd); opacity: 0.13; }
.p2p-live-line {
  position: absolute; top: -2px; bottom: -2px; width: 2px; margin-left: -1px; border-radius: 1px;
  background: var(--fg-color, #ddd); transition: left 120ms linear;
}
.p2p-live[data-phase="stopped"] .p2p-live-line, .p2p-live[data-phase="failed"] .p2p-live-line {
  background: var(--error-text, #ff6b6b);
}
.p2p-live-said {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.p2p-live-tiles { display: flex; flex-wrap: wrap; gap: 4px; padding: 3px 6px 5px; }
.p2p-live-tile { width: 60px; margin: 0; }
.p2p-live-tile canvas { display: block; width: 100%; border-radius: 3px; background: #440154; image-rendering: auto; }
.p2p-live-tile figcaption {
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: center; font-size: 10px; line-height: 13px;
}
.p2p-live-maps .p2p-live-title { padding: 2px 6px 0; }
@media (prefers-reduced-motion: reduce) { .p2p-live-line { transition: none; } }
`;
