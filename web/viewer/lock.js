/** Something is looked at while it is pointed at, or for as long as it is locked: focused = hovered ?? locked. */

/** @typedef {{hovered: unknown, locked: unknown}} HoverLock what is null is not there. */

/** @type {HoverLock} */
export const NOTHING = Object.freeze({ hovered: null, locked: null });

/** @param {HoverLock} state */
export function focused(state) {
  return state.hovered ?? state.locked;
}

/**
 * @param {HoverLock} state
 * @param {{type: "hover"|"toggle"|"lock", key: unknown}|{type: "leave"|"clear"}} action
 * @returns {HoverLock} the same object where nothing changes.
 */
export function hoverLock(state, action) {
  switch (action.type) {
    case "hover":
      return state.hovered === action.key ? state : { ...state, hovered: action.key };
    case "leave":
      return state.hovered === null ? state : { ...state, hovered: null };
    case "toggle":
      return { ...state, locked: state.locked === action.key ? null : action.key };
    case "lock":
      return { hovered: null, locked: action.key };
    case "clear":
      return state.hovered === null && state.locked === null ? state : NOTHING;
    default:
      throw new Error(`There is no action "${action.type}".`);
  }
}
