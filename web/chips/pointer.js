/** Dragging, at any zoom of the canvas and without the canvas noticing. */

const THRESHOLD = 3; // pixels of the screen: less is a click

/**
 * @param {HTMLElement} handle
 * @param {{start: () => unknown, move: (begun: unknown, pixels: number) => void, end: () => void}} drag `start` gives
 *   what `move` gets, or null to refuse. `pixels` are those of the node, whatever the zoom.
 */
export function onDrag(handle, { start, move, end }) {
  let drag = null;

  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    handle.focus({ preventScroll: true });
    const begun = start();
    if (begun === null) return;
    handle.setPointerCapture(event.pointerId);
    drag = { begun, x: event.clientX, moved: false };
  });

  handle.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const distance = event.clientX - drag.x;
    drag.moved ||= Math.abs(distance) >= THRESHOLD;
    if (drag.moved) move(drag.begun, distance / zoomOf(handle));
  });

  const finish = () => {
    const { moved } = drag ?? {};
    drag = null;
    if (moved) end();
  };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) handle.addEventListener(name, finish);
}

/** Pixels of the screen per pixel of the node. */
export function zoomOf(part) {
  return part.getBoundingClientRect().width / part.offsetWidth || 1;
}
