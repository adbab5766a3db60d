/** The timeline's elements. They are made when a run has other rows than the last; a step only changes them. */

import { element, fill } from "../shared/dom.js";
import { haveSameRows, isActive, NOTHING, position } from "./state.js";
import { nowText, phaseText, rowLabel, wholeText, windowText } from "./words.js";

const LINE = 17; // pixels
const HEAD = 26;
const HINT = 22;
const NOTE = 63; // four lines and the gap; more are scrolled to
const MOST_LINES = 9; // more are scrolled to
const MOST_TICKS = 60;

/**
 * @param {(key: string, values?: object) => string} say
 * @returns {{root: HTMLElement, show: (state: import("./state.js").State) => void, height: () => number}}
 */
export function timelinePanel(say) {
  const hint = element("p", { class: "p2p-live-hint" }, say("hint"));
  const now = element("span", { class: "p2p-live-now" });
  const phase = element("span", { class: "p2p-live-phase" });
  const head = element("div", { class: "p2p-live-head", hidden: true }, now, phase);
  const rows = element("div", { class: "p2p-live-rows" });
  const scroll = element(
    "div",
    { class: "p2p-live-scroll", role: "img", tabindex: 0, hidden: true, "data-capture-wheel": "true" },
    rows,
  );
  const note = element("p", { class: "p2p-live-note", hidden: true });
  const said = element("span", { class: "p2p-live-said", "aria-live": "polite" });
  const root = element("div", { class: "p2p-live", role: "group", "aria-label": say("timeline") });
  fill(root, hint, head, note, scroll, said);

  let shown = NOTHING;
  let bars = [];
  const line = element("div", { class: "p2p-live-line" });
  let lines = 0;

  function build(state) {
    const several = state.targets.length > 1;
    bars = [];
    const parts = state.targets.flatMap((target) => [
      several || !target.rows.length ? title(target) : null,
      ...target.rows.map((row) => {
        const made = bar(row, say);
        bars.push([row, made]);
        return made;
      }),
    ]);
    lines = parts.filter((part) => part !== null).length;
    fill(rows, ...parts, element("div", { class: "p2p-live-axis", "aria-hidden": "true" }, ...ticks(state), line));
    scroll.setAttribute("aria-label", wholeText(state, say));
  }

  function title(target) {
    const text = say("target", target) + (target.rows.length ? "" : ` – ${say("no_rows")}`);
    return element("div", { class: "p2p-live-title", title: text }, text);
  }

  function show(state) {
    if (state.phase !== "waiting" && (shown === NOTHING || !haveSameRows(shown, state))) build(state);
    shown = state;
    hint.hidden = state.phase !== "waiting";
    head.hidden = scroll.hidden = !hint.hidden;
    root.dataset.phase = state.phase;
    line.style.left = percent(position(state));
    for (const [row, made] of bars) made.classList.toggle("p2p-live-active", isNow(row, state));
    const text = state.phase === "done" ? say("timeline") : nowText(state, say);
    change(now, text);
    now.title = text;
    change(phase, phaseText(state, say));
    note.hidden = !state.note;
    change(note, state.note);
    note.title = state.note;
    announce(text, state);
  }

  /** Said when other words are edited than before, and at the end; not at every step. */
  function announce(text, state) {
    change(said, state.phase === "running" ? text : phaseText(state, say));
  }

  const noteHeight = () => (shown.note ? NOTE : 0);

  return {
    root,
    show,
    height: () => (shown.phase === "waiting" ? HINT : HEAD + noteHeight() + LINE * Math.min(Math.max(lines, 1), MOST_LINES)),
  };
}

function isNow(row, state) {
  return state.phase !== "done" && isActive(row, state.step);
}

function bar(row, say) {
  const [start, end] = row.window;
  const left = { left: percent(start), width: percent(end - start), "--p2p-colour": `var(--p2p-${row.kind})` };
  const label = rowLabel(row, say);
  return element(
    "div",
    { class: "p2p-live-row", title: windowText(row, say) },
    element("span", { class: "p2p-live-label" }, label),
    element("div", { class: "p2p-live-track" }, element("div", { class: "p2p-live-bar", style: left })),
  );
}

/** Where steps start; of very many, every second or third. */
function ticks({ progress }) {
  const every = Math.ceil(progress.length / MOST_TICKS);
  return progress
    .filter((_, index) => index % every === 0)
    .map((value) => element("div", { class: "p2p-live-tick", style: { left: percent(value) } }));
}

function percent(value) {
  return `${Math.round(value * 1e4) / 100}%`;
}

function change(part, text) {
  if (part.textContent !== text) part.textContent = text;
}
