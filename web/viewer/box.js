/** A place for one picture, or two on top of each other, that knows the point that is looked at. */

import { element } from "../shared/dom.js";
import { movedPoint } from "./state.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 1 / 32; // of the picture, for an arrow key; with Shift it goes four times as far
const START = { x: 0.5, y: 0.5 };
const NEAR = 0.02; // of the picture: a second click on a locked point lets it go

/**
 * @param {number} row whose words a point here ranks.
 * @param {{label: string, hasKeys: boolean}} settings hasKeys: the box takes the arrow keys for its point.
 * @param {(action: object) => void} act an action of lock.js on a point.
 * @param {...Node} layers
 */
export function box(row, { label, hasKeys }, act, ...layers) {
  const mark = element("div", { class: "p2p-viewer-mark", "aria-hidden": "true" });
  const root = element(
    "div",
    {
      class: "p2p-viewer-box",
      dataset: { row },
      ...(hasKeys ? { tabindex: "0", role: "application", "aria-label": label } : {}),
    },
    ...layers,
    mark,
  );
  const pointOf = (event) => {
    const { left, top, width, height } = root.getBoundingClientRect();
    return { x: (event.clientX - left) / width, y: (event.clientY - top) / height, row };
  };
  let shown = null; // the locked point
  root.addEventListener("pointermove", (event) => act({ type: "hover", key: pointOf(event) }));
  root.addEventListener("pointerleave", () => act({ type: "leave" }));
  if (hasKeys) {
    root.addEventListener("click", (event) => {
      const point = pointOf(event);
      act(isNear(shown, point) ? { type: "clear" } : { type: "lock", key: point });
    });
    root.addEventListener("keydown", (event) => {
      if (!(event.key in ARROWS)) return;
      event.preventDefault();
      event.stopPropagation();
      const [right, down] = ARROWS[event.key];
      const from = shown?.row === row ? shown : { ...START, row };
      act({ type: "lock", key: movedPoint(from, right, down, STEP * (event.shiftKey ? 4 : 1)) });
    });
  }

  /** @param {{hovered: object|null, locked: object|null}} point */
  function paint(point) {
    shown = point.locked;
    const at = point.hovered ?? point.locked;
    mark.hidden = at === null;
    if (at === null) return;
    mark.style.left = `${at.x * 100}%`;
    mark.style.top = `${at.y * 100}%`;
  }

  return { root, paint };
}

function isNear(one, other) {
  return one !== null && one.row === other.row && Math.hypot(one.x - other.x, one.y - other.y) < NEAR;
}
