/** What is known of the runs of one node, from the server's events. Plain data, no page. */

/**
 * @typedef {object} Row one kind of change of some words (see p2p_core/timeline.py).
 * @property {"swap"|"scale"|"move"|"adjust"|"keep"|"self"|"blend"} kind
 * @property {string} words
 * @property {[number, number]} window in progress, 0 to 1.
 * @property {[number, number][]} active ranges of steps, [first, after last].
 *
 * @typedef {object} State
 * @property {string|null} run the server's name of the run; null before the first.
 * @property {"waiting"|"running"|"done"|"stopped"|"failed"} phase
 * @property {number[]} progress at the start of every step.
 * @property {number} endProgress after the last step.
 * @property {number|null} step the current one, or the last there was; null before the first.
 * @property {{target: number, prompt: string, rows: Row[]}[]} targets
 * @property {string} note what the user is to know of the edits; empty for nothing.
 */

/** @type {State} */
export const NOTHING = Object.freeze({
  run: null,
  phase: "waiting",
  progress: [],
  endProgress: 1,
  step: null,
  targets: [],
  note: "",
});

/**
 * @param {State} state
 * @param {"run"|"step"|"end"} event
 * @param {object} detail what the server sent.
 * @returns {State} the same object where the event says nothing new.
 */
export function reduce(state, event, detail) {
  if (event === "run") return begun(detail);
  if (detail.run !== state.run || state.phase !== "running") return state; // late news of an earlier run
  if (event === "step") return detail.step === state.step ? state : { ...state, step: detail.step };
  return { ...state, phase: ["done", "stopped"].includes(detail.outcome) ? detail.outcome : "failed" };
}

function begun({ run, progress, end_progress: endProgress, targets, note = "" }) {
  return { run, phase: "running", progress, endProgress, step: null, targets, note };
}

/** Whether a row changes something in the step. */
export function isActive(row, step) {
  return step !== null && row.active.some(([first, end]) => first <= step && step < end);
}

/**
 * The rows that act now, or acted where the run was stopped. None once a run is done.
 *
 * @param {State} state
 * @returns {Row[]}
 */
export function activeRows(state) {
  if (state.phase === "waiting" || state.phase === "done") return [];
  return state.targets.flatMap((target) => target.rows.filter((row) => isActive(row, state.step)));
}

/** Where the run is, in progress: the start of its step, or the end of the schedule when it is done. */
export function position(state) {
  if (state.phase === "done") return state.endProgress;
  return state.step === null ? (state.progress[0] ?? 0) : state.progress[state.step];
}

/** Whether two states have the same rows, so that what is on the page can stay. */
export function haveSameRows(one, other) {
  return JSON.stringify([one.targets, one.progress]) === JSON.stringify([other.targets, other.progress]);
}
