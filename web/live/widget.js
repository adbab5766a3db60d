/** What is shown live as the last widget of its node: no part of the workflow file or of what is queued. */

const MARGIN = 10; // that the classic renderer leaves around a DOM widget
const POINTER = ["pointerdown", "pointermove", "pointerup", "click", "dblclick", "contextmenu"];

/**
 * @param {object} node
 * @param {string} name also the widget's type.
 * @param {{root: HTMLElement, height: () => number}} panel
 * @returns {() => void} to be called after the panel has another height: makes room for it on the node.
 */
export function addLiveWidget(node, name, panel) {
  const { root } = panel;
  // A drag in here must not move the node. The middle button moves the canvas.
  for (const event of POINTER) root.addEventListener(event, stopUnlessMiddle);
  root.addEventListener("wheel", (event) => stopIfScrolls(event, root), { passive: true });
  const widget = node.addDOMWidget(name, name, root, {
    serialize: false, // not in the prompt
    hideOnZoom: false,
    getMinHeight: () => (panel.height() ? panel.height() + 2 * MARGIN : 0),
    getValue: () => "",
    setValue: () => {},
  });
  widget.serialize = false; // not in the workflow
  const makeRoom = () => {
    root.style.setProperty("min-height", `${panel.height()}px`); // Nodes 2.0 asks the element
    const [width, height] = node.computeSize();
    if (node.size[0] < width || node.size[1] < height) {
      node.setSize([Math.max(node.size[0], width), Math.max(node.size[1], height)]);
    }
    node.graph?.setDirtyCanvas(true, true);
  };
  root.style.setProperty("min-height", `${panel.height()}px`);
  return makeRoom;
}

function stopUnlessMiddle(event) {
  if (event.button !== 1 && (event.buttons & 4) === 0) event.stopPropagation();
}

/** The wheel zooms the canvas unless there is more to see in here and it has the focus. */
function stopIfScrolls(event, root) {
  const scroll = event.target.closest?.(".p2p-live-scroll");
  const scrolls = scroll && scroll.scrollHeight > scroll.clientHeight && root.contains(document.activeElement);
  if (scrolls && !event.ctrlKey) event.stopPropagation();
}
