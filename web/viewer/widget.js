/** The viewer as the last widget of its node: no part of the workflow file or of what is queued. */

import { keepFromCanvas } from "../shared/canvas.js";
import { addStyle } from "../shared/dom.js";
import { localeOf, translator } from "../shared/language.js";
import { MESSAGES } from "./messages.js";
import { panel } from "./panel.js";
import { STYLE, STYLE_ID } from "./style.js";

const NAME = "p2p_viewer";
const LOW = 44; // pixels before a run
const HIGH = 440;
const WIDE = 440;

/**
 * @param {object} node
 * @param {object} app
 * @param {object} api
 * @param {(node: object, name: string, root: HTMLElement) => void} keepPlace
 * @returns {(view: object) => Promise<void>} shows a view.
 */
export function addViewer(node, app, api, keepPlace) {
  addStyle(STYLE_ID, STYLE);
  const made = panel(api, translator(MESSAGES, localeOf(app)));
  const height = () => (made.isShowing() ? HIGH : LOW);
  const reserve = () => made.root.style.setProperty("min-height", `${height()}px`);
  made.root.classList.add("widget-expands"); // Nodes 2.0 gives such a widget the room that is left in its node
  reserve();
  keepFromCanvas(made.root, app);
  keepPlace(node, NAME, made.root);
  const widget = node.addDOMWidget(NAME, NAME, made.root, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: height,
    getValue: () => "",
    setValue: () => {},
  });
  widget.serialize = false;
  return async (view) => {
    const wasShowing = made.isShowing();
    await made.show(view);
    reserve();
    if (made.isShowing() && !wasShowing) makeRoom(node);
  };
}

function makeRoom(node) {
  const [width, height] = node.computeSize();
  node.setSize([Math.max(node.size[0], width, WIDE), Math.max(node.size[1], height)]);
  node.graph?.setDirtyCanvas(true, true);
}
