/** The chips as a widget of their node: last, of a type of its own, and in no file. */

import { WITH_A_VIEW } from "./features.js";

const NAME = "p2p_chips";
const MARGIN = 10; // that the classic renderer leaves around a DOM widget
const HEIGHTS = { scales: 92, word_windows: 92, words: 52 };
const HEIGHT_BESIDE_A_VIEW = 76; // three lines; what the node has left is the view's
const NEXT_HEIGHT = 56; // of every further section: two lines

export function addChipWidget(node, root, features, app) {
  const hasRoomAlone = !WITH_A_VIEW.has(node.comfyClass ?? node.constructor.comfyClass);
  const height = (hasRoomAlone ? HEIGHTS[features[0].kind] : HEIGHT_BESIDE_A_VIEW) + NEXT_HEIGHT * (features.length - 1);
  root.style.setProperty("min-height", `${height}px`);
  if (hasRoomAlone) root.classList.add("widget-expands"); // Nodes 2.0 gives such a widget what the node has left
  keepFromCanvas(root, app);
  const widget = node.addDOMWidget(NAME, NAME, root, {
    serialize: false, // not in the prompt
    hideOnZoom: false,
    getValue: () => "",
    setValue: () => {},
    getMinHeight: () => height + 2 * MARGIN,
    ...(hasRoomAlone ? {} : { getMaxHeight: () => height + 2 * MARGIN }),
  });
  widget.serialize = false; // not in the workflow
  return widget;
}

/** What happens on chips is theirs: the canvas neither selects, drags nor zooms. The rest still reaches it. */
function keepFromCanvas(root, app) {
  // Nodes 2.0 leaves the wheel to what says so; that is here what has the focus.
  root.addEventListener("focusin", () => (root.dataset.captureWheel = "true"));
  root.addEventListener("focusout", () => delete root.dataset.captureWheel);
  for (const name of ["pointerdown", "pointermove", "pointerup", "dblclick", "contextmenu"]) {
    root.addEventListener(name, (event) => {
      if (event.button !== 1 && (event.buttons & 4) === 0) event.stopPropagation();
      else forward(event, app);
    });
  }
  root.addEventListener("wheel", (event) => onWheel(event, root, app), { passive: false });
}

/** The wheel zooms the canvas, unless something in here has the focus and there is more to see. */
function onWheel(event, root, app) {
  const scrolls = root.scrollHeight > root.clientHeight && root.contains(document.activeElement) && !event.ctrlKey;
  if (scrolls) event.stopPropagation();
  else if (!isVueNodes()) {
    event.preventDefault();
    event.stopPropagation();
    app.canvas.processMouseWheel(event);
  }
}

/** The middle button moves the canvas; in Nodes 2.0 events reach it by themselves. */
function forward(event, app) {
  if (isVueNodes()) return;
  const handlers = { pointerdown: "processMouseDown", pointermove: "processMouseMove", pointerup: "processMouseUp" };
  if (event.type in handlers) app.canvas[handlers[event.type]](event);
}

function isVueNodes() {
  return Boolean(globalThis.LiteGraph?.vueNodesMode);
}
