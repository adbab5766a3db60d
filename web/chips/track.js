/** The window of a word: a line over the run with a handle at either end. */

import { element } from "../shared/dom.js";
import { LARGE, WINDOW_STEP, draggedBound, stepped } from "./numbers.js";
import { onDrag } from "./pointer.js";

/**
 * @param {object} actions `setWindow(chip, start, end)`, `clearWindow(chip)`, `begin()`, `commit()`, `canChange(chip)`.
 * @param {(key: string, values?: object) => string} t
 * @param {boolean} isMain whether the handles are all that the chip has to offer, and take part in Tab always.
 */
export function windowTrack(actions, t, isMain) {
  let chip = null;
  const line = element("i");
  const handles = { start: handle("start"), end: handle("end") };
  const root = element("div", { class: "p2p-track" }, line, handles.start, handles.end);

  function handle(bound) {
    const made = element("div", { class: "p2p-handle", role: "slider", tabindex: isMain ? 0 : -1 });
    made.setAttribute("aria-valuemin", "0");
    made.setAttribute("aria-valuemax", "1");
    onDrag(made, {
      start() {
        if (!actions.canChange(chip)) return null;
        actions.begin();
        return chip[bound];
      },
      move: (from, pixels) => set(bound, draggedBound(from, pixels / root.offsetWidth)),
      end: actions.commit,
    });
    made.addEventListener("keydown", (event) => onKey(event, bound));
    made.addEventListener("dblclick", clear);
    made.addEventListener("wheel", (event) => onWheel(event, made, bound), { passive: false });
    return made;
  }

  function set(bound, value) {
    if (bound === "start") actions.setWindow(chip, Math.min(value, chip.end), chip.end);
    else actions.setWindow(chip, chip.start, Math.max(value, chip.start));
  }

  function clear() {
    if (!actions.canChange(chip)) return;
    actions.clearWindow(chip);
    actions.commit();
  }

  function onKey(event, bound) {
    const sign = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    const ends = { Home: 0, End: 1 };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!sign && !(event.key in ends) && event.key !== "Delete" && event.key !== "Backspace") return;
    event.preventDefault();
    event.stopPropagation();
    if (!actions.canChange(chip)) return;
    if (sign) step(bound, sign * WINDOW_STEP * (event.shiftKey ? LARGE : 1));
    else if (event.key in ends) set(bound, ends[event.key]);
    else actions.clearWindow(chip);
    actions.commit();
  }

  function onWheel(event, made, bound) {
    if (document.activeElement !== made) return;
    event.preventDefault();
    event.stopPropagation();
    if (!actions.canChange(chip)) return;
    step(bound, -Math.sign(event.deltaY) * WINDOW_STEP);
    actions.commit();
  }

  function step(bound, by) {
    set(bound, stepped(chip[bound], by, 0, 1));
  }

  function update(now, readOnly) {
    chip = now;
    line.style.left = `${chip.start * 100}%`;
    line.style.width = `${(chip.end - chip.start) * 100}%`;
    for (const [bound, made] of Object.entries(handles)) {
      made.style.left = `${chip[bound] * 100}%`;
      made.setAttribute("aria-label", t(`${bound}Of`, { word: chip.text }));
      made.setAttribute("aria-valuenow", String(chip[bound]));
      made.setAttribute("aria-valuetext", t("boundText", { bound: chip[bound] }));
      made.setAttribute("aria-readonly", String(readOnly));
      made.title = `${t(`${bound}Of`, { word: chip.text })}: ${chip[bound]}\n${t("windowHelp")}`;
    }
  }

  /** While the word has the focus its handles are reached by Tab; else Tab goes from word to word. */
  function setReachable(isReachable) {
    if (!isMain) for (const made of Object.values(handles)) made.tabIndex = isReachable ? 0 : -1;
  }

  return { root, update, setReachable };
}
