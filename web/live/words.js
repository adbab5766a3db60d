/** What rows and states are called. `say` is a translator of messages.js. */

import { activeRows } from "./state.js";

/** The whole name of a row, beside its bar. */
export function rowLabel(row, say) {
  switch (row.kind) {
    case "swap":
      return say("swap", row);
    case "scale":
      return say("scale", { words: row.words, scale: shortNumber(row.scale) });
    case "move":
      return say("move", row) + movement(row);
    case "adjust":
      return say("adjust", row);
    case "keep":
      return say("keep", { words: row.words || say("padding") });
    case "self":
      return say(`self_${row.mode}`, { grids: say(row.grids) });
    default:
      return row.words ? say("blend", row) : say("blend_mask");
  }
}

function movement({ offset: [x, y], size }) {
  const parts = [];
  if (x) parts.push(`${x > 0 ? "→" : "←"} ${shortNumber(Math.abs(x))}`);
  if (y) parts.push(`${y > 0 ? "↓" : "↑"} ${shortNumber(Math.abs(y))}`);
  if (size !== 1) parts.push(`×${shortNumber(size)}`);
  return ` ${parts.join(" ")}`;
}

/** What is edited now in one line: swapped, scaled, moved and adjusted words by name, all else by kind. */
export function nowText(state, say) {
  const names = new Set(activeRows(state).map((row) => shortLabel(row, say)));
  return names.size ? say("now", { words: [...names].join(", ") }) : say("nothing");
}

function shortLabel(row, say) {
  switch (row.kind) {
    case "swap":
    case "move":
    case "adjust":
      return row.words;
    case "scale":
      return rowLabel(row, say);
    default:
      return say(`${row.kind}_short`);
  }
}

/** How far the run is. */
export function phaseText(state, say) {
  const total = state.progress.length;
  if (state.phase === "waiting") return "";
  if (state.phase === "done") return say("done", { total });
  if (state.step === null && state.phase === "running") return say("started");
  return say(state.phase === "running" ? "step" : state.phase, { step: (state.step ?? -1) + 1, total });
}

/** All rows and their windows in words, for those who do not see the bars. */
export function wholeText(state, say) {
  const rows = state.targets.flatMap((target) => target.rows);
  const described = rows.map((row) => windowText(row, say));
  const whole = `${say("timeline")}: ${described.join("; ") || say("no_rows")}`;
  return state.note ? `${whole}. ${state.note}` : whole;
}

export function windowText(row, say) {
  const [start, end] = row.window.map(shortNumber);
  return say("window", { label: rowLabel(row, say), start, end });
}

/** At most two digits after the point: 1.6, 0.25, -1, 2. */
export function shortNumber(number) {
  return String(Math.round(number * 100) / 100);
}
