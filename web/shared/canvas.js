/** What happens on a DOM widget is its own: the canvas neither selects nor drags by it. The rest reaches the canvas. */

const POINTER = ["pointerdown", "pointermove", "pointerup", "dblclick", "contextmenu"];
const HANDLERS = {
  pointerdown: "processMouseDown",
  pointermove: "processMouseMove",
  pointerup: "processMouseUp",
  wheel: "processMouseWheel",
};

/**
 * @param {HTMLElement} root of the widget.
 * @param {object} app of the front end.
 */
export function keepFromCanvas(root, app) {
  for (const name of POINTER) {
    root.addEventListener(name, (event) => {
      if (event.button !== 1 && (event.buttons & 4) === 0) event.stopPropagation();
      else hand(event, app); // the middle button moves the canvas
    });
  }
  root.dataset.captureWheel = "true";
  root.addEventListener("wheel", (event) => onWheel(event, root, app), { passive: false });
}

/** The wheel zooms the canvas, unless it scrolls something in here that has the focus. */
function onWheel(event, root, app) {
  if (!event.ctrlKey && root.contains(document.activeElement) && scrolls(event.target, root)) event.stopPropagation();
  else if (!isVueNodes()) {
    event.preventDefault();
    event.stopPropagation();
    hand(event, app);
  }
}

function scrolls(start, root) {
  for (let part = start; part !== null && part !== root.parentElement; part = part.parentElement)
    if (part.scrollHeight > part.clientHeight && /auto|scroll/.test(getComputedStyle(part).overflowY)) return true;
  return false;
}

/** In Nodes 2.0 events reach the canvas by themselves. */
function hand(event, app) {
  if (!isVueNodes()) app.canvas[HANDLERS[event.type]]?.(event);
}

function isVueNodes() {
  return Boolean(globalThis.LiteGraph?.vueNodesMode);
}
