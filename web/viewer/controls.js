/** What the viewer can be set to: the way of looking, the picture, the opacity, the scale and the step. */

import { element } from "../shared/dom.js";
import { heatGradient } from "./colours.js";
import { PER_WORD, SHARED, percent } from "./maps.js";
import { COMPARE, MASK, SIDE_BY_SIDE } from "./state.js";

const MODE_TEXTS = { [SIDE_BY_SIDE]: "sideBySide", [COMPARE]: "compare", [MASK]: "mask" };

/**
 * @param {string} label
 * @param {{value: string, text: string, hint?: string, isDisabled?: boolean}[]} options
 * @param {(value: string) => void} choose
 */
function switchOf(label, options, choose) {
  const buttons = options.map(({ value, text, hint, isDisabled }) =>
    element(
      "button",
      { type: "button", dataset: { value }, title: hint, disabled: isDisabled, onclick: () => choose(value) },
      text,
    ),
  );
  const root = element("div", { class: "p2p-viewer-switch", role: "group", "aria-label": label }, ...buttons);
  const paint = (now) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.value === now));
  };
  return { root, paint };
}

function slider(label, properties, change) {
  const oninput = (event) => change(Number(event.target.value));
  const input = element("input", { type: "range", ...properties, oninput });
  const said = element("output", { class: "p2p-viewer-said" });
  const root = element("label", { class: "p2p-viewer-slider" }, element("span", {}, label), input, said);
  return { root, input, said };
}

/** @returns {{root: HTMLElement, paint: (state: object) => void}} */
export function modeSwitch(modes, t, choose) {
  const options = modes.map(({ mode, isPossible }) => ({
    value: mode,
    text: t(MODE_TEXTS[mode]),
    isDisabled: !isPossible,
    hint: mode === MASK && !isPossible ? t("noMask") : undefined,
  }));
  const made = switchOf(t("view"), options, choose);
  return { root: made.root, paint: (state) => made.paint(state.mode) };
}

export function scaleSwitch(t, choose) {
  const options = [
    { value: PER_WORD, text: t("perWord"), hint: t("perWordHint") },
    { value: SHARED, text: t("shared"), hint: t("sharedHint") },
  ];
  const made = switchOf(t("scale"), options, choose);
  return { root: made.root, paint: (state) => made.paint(state.scale) };
}

export function opacitySlider(t, change) {
  const properties = { min: 0, max: 1, step: 0.05, class: "p2p-viewer-opacity" };
  const { root, input, said } = slider(t("opacity"), properties, change);
  const paint = ({ opacity }) => {
    input.value = opacity;
    said.textContent = `${Math.round(opacity * 100)} %`;
  };
  return { root, paint };
}

export function stepSlider(frames, t, change) {
  const properties = { min: 0, max: frames.length - 1, step: 1, class: "p2p-viewer-step" };
  const { root, input, said } = slider(t("step"), properties, change);
  root.classList.add("p2p-viewer-whole-line");
  const paint = ({ frame }) => {
    const { step, progress } = frames[frame];
    const text = frame === 0 ? t("mean") : t("stepNumber", { step, percent: Math.round(progress * 100) });
    input.value = frame;
    input.setAttribute("aria-valuetext", text);
    said.textContent = text;
  };
  return { root, paint };
}

/** What the colours stand for: from nothing to the full values of the pictures that are shown. */
export function legend(t) {
  const said = element("span", { class: "p2p-viewer-said" });
  const bar = element("span", { class: "p2p-viewer-colours", style: { background: heatGradient() } });
  const root = element("span", { class: "p2p-viewer-legend", title: t("legend") }, bar, said);
  const paint = (fulls) => {
    root.style.visibility = fulls.length > 0 ? "visible" : "hidden";
    said.textContent = [...new Set(fulls.map(percent))].join(" | ");
  };
  return { root, paint };
}

/** @param {string[]} texts of the choices. */
export function pictureSelect(texts, t, choose) {
  const select = element(
    "select",
    { class: "p2p-viewer-select", "aria-label": t("shown"), onchange: (event) => choose(Number(event.target.value)) },
    ...texts.map((text, index) => element("option", { value: index }, text)),
  );
  return { root: select, paint: ({ choice }) => (select.value = String(choice)) };
}

/** A button that shows something else for as long as it is held, by pointer or by Space or Enter. */
export function holdButton(text, hint, hold) {
  const set = (value) => (event) => {
    if (event.type.startsWith("key")) {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      event.stopPropagation();
    } else if (value) event.target.setPointerCapture(event.pointerId);
    hold(value);
  };
  const [down, up] = [set(true), set(false)];
  const root = element(
    "button",
    { type: "button", class: "p2p-viewer-hold", title: hint, onpointerdown: down, onkeydown: down, onkeyup: up },
    text,
  );
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"])
    root.addEventListener(name, () => hold(false));
  return { root };
}
