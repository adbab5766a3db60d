/** All that a person has set in the viewer, as one object that is never changed but replaced. */

import { NOTHING, hoverLock } from "./lock.js";
import { choices } from "./pairs.js";

export const SIDE_BY_SIDE = "side by side";
export const COMPARE = "compare";
export const MASK = "mask";
export const MODES = [SIDE_BY_SIDE, COMPARE, MASK];

const MIDDLE = 50; // of the divider, in percent of the width that shows the source

/**
 * What a view starts with. What a person set in the view before stays, unless the node says something new.
 *
 * @param {object} view what the server sent.
 * @param {{view: object, state: object}|null} before
 */
export function startOf(view, before = null) {
  const offered = choices(view.rows);
  const kept = (name) => (before && before.view[name] === view[name] ? before.state[name] : view[name]);
  const choice = before && before.state.choice < offered.length ? before.state.choice : 0;
  const isPair = offered[choice]?.source !== null;
  return {
    words: NOTHING, // keys: columns
    point: NOTHING, // keys: {x, y, row}
    choice,
    mode: before && isPair ? before.state.mode : SIDE_BY_SIDE,
    frame: Math.min(kept("frame"), view.frames.length - 1),
    scale: kept("scale"),
    opacity: kept("opacity"),
    divider: before?.state.divider ?? MIDDLE,
    isFlipped: false,
  };
}

/** @returns {object} the same object where nothing changes. */
export function reduced(state, action) {
  switch (action.type) {
    case "word":
      return withPart(state, "words", hoverLock(state.words, action.action));
    case "point":
      return withPart(state, "point", hoverLock(state.point, action.action));
    case "clear":
      return withPart(withPart(state, "words", NOTHING), "point", NOTHING);
    case "choose":
      return { ...state, choice: action.choice, mode: action.mode, point: NOTHING };
    case "set":
      return withPart(state, action.name, action.value);
    default:
      throw new Error(`There is no action "${action.type}".`);
  }
}

/** The opened row that a point belongs to moves with it: a point stays inside the picture. */
export function movedPoint({ x, y, row }, right, down, step) {
  const inside = (value) => Math.min(Math.max(value, 0), 1);
  return { x: inside(x + right * step), y: inside(y + down * step), row };
}

/** What the divider cuts off the picture on top of the other, as CSS. */
export function dividerInset(percentage) {
  return `inset(0 ${100 - percentage}% 0 0)`;
}

function withPart(state, name, value) {
  return state[name] === value ? state : { ...state, [name]: value };
}
