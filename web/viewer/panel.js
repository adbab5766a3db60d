/** The viewer: what it shows of a view, and what happens when it is pointed at, clicked and typed to. */

import { element, fill } from "../shared/dom.js";
import { holdButton, legend, modeSwitch, opacitySlider, pictureSelect, scaleSwitch, stepSlider } from "./controls.js";
import { focused } from "./lock.js";
import { loadAtlas, pictureUrl } from "./loading.js";
import { fullOf, percent, ranking, wordOf } from "./maps.js";
import { choices, rowsOf } from "./pairs.js";
import { isPossible, stage } from "./stage.js";
import { MODES, SIDE_BY_SIDE, reduced, startOf } from "./state.js";

const MOST_RANKED = 6;
const ARROW_KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];
const OWN_KEYS = new Set([...ARROW_KEYS, " ", "Enter"]);

/**
 * @param {object} api of the front end.
 * @param {(key: string, values?: object) => string} t
 * @returns {{root: HTMLElement, show: (view: object) => Promise<void>, isShowing: () => boolean}}
 */
export function panel(api, t) {
  const root = element("div", { class: "p2p-viewer", role: "group", "aria-label": t("viewer") });
  let current = null; // {view, state, …} of what is shown
  let wanted = null; // the view that was asked for last: an earlier one may arrive later
  say(t("notRun"));
  root.addEventListener("keydown", onKey);

  function say(text) {
    fill(root, element("p", { class: "p2p-viewer-note" }, text));
  }

  async function show(view) {
    if (wanted?.maps.picture.filename === view.maps.picture.filename) return;
    wanted = view;
    if (current === null) say(t("loading"));
    let model;
    try {
      model = await modelOf(api, view, t);
    } catch {
      if (wanted !== view) return;
      current = wanted = null;
      say(t("gone"));
      return;
    }
    if (wanted !== view) return;
    current = { ...model, state: startOf(view, current) };
    if (!isPossible(model, choiceNow(), current.state.mode)) act({ type: "set", name: "mode", value: SIDE_BY_SIDE });
    build();
  }

  const choiceNow = () => current.choices[current.state.choice];

  function act(action) {
    const state = reduced(current.state, action);
    if (state === current.state) return;
    const isOther = state.mode !== current.state.mode || state.choice !== current.state.choice;
    current = { ...current, state };
    if (isOther && current.parts) build();
    else current.parts?.forEach((part) => part.paint(state, { column: focused(state.words) }));
  }

  const set = (name) => (value) => act({ type: "set", name, value });

  function choose(choice) {
    const next = current.choices[choice];
    const mode = isPossible(current, next, current.state.mode) ? current.state.mode : SIDE_BY_SIDE;
    act({ type: "choose", choice, mode });
  }

  function build() {
    const { view, state } = current;
    const onWord = (action) => act({ type: "word", action });
    const onPoint = (action) => act({ type: "point", action });
    const pictures = stage(current, choiceNow(), state.mode, { t, onWord, onPoint, onDivider: set("divider") });
    const top = topControls();
    const ranks = rankingList();
    const parts = [...top, opacitySlider(t, set("opacity")), scaleSwitch(t, set("scale")), legendPart()];
    if (view.frames.length > 1) parts.push(stepSlider(view.frames, t, set("frame")));
    const hasFocus = root.contains(document.activeElement) ? document.activeElement.dataset.value : null;
    fill(
      root,
      element("div", { class: "p2p-viewer-bar" }, ...top.map((part) => part.root)),
      pictures.root,
      ranks.root,
      element("div", { class: "p2p-viewer-bar" }, ...parts.slice(top.length).map((part) => part.root)),
      ...notes(),
    );
    if (hasFocus) root.querySelector(`[data-value="${hasFocus}"]`)?.focus();
    current = { ...current, parts: [pictures, ranks, ...parts] };
    current.parts.forEach((part) => part.paint?.(state, { column: focused(state.words) }));
  }

  function topControls() {
    const parts = [];
    if (choiceNow().source !== null) {
      const modes = MODES.map((mode) => ({ mode, isPossible: isPossible(current, choiceNow(), mode) }));
      parts.push(modeSwitch(modes, t, set("mode")));
    }
    if (current.choices.length > 1) parts.push(pictureSelect(current.choices.map(nameOfChoice), t, choose));
    if (current.state.mode !== SIDE_BY_SIDE) {
      const shown = current.names[current.state.mode === "mask" ? choiceNow().source : choiceNow().row];
      parts.push({ ...holdButton(t("flip"), t("flipHint", { name: shown }), set("isFlipped")), paint() {} });
    }
    return parts;
  }

  function legendPart() {
    const { root: made, paint } = legend(t);
    const fullIn = (row, column, { frame, scale }) => {
      const word = column === null ? null : wordOf(current.view.rows[row], column);
      return word === null || word.largest[frame] === null ? [] : [fullOf(current.view.rows, word, frame, scale)];
    };
    return {
      root: made,
      paint: (state, { column }) => paint(rowsOf(choiceNow()).flatMap((row) => fullIn(row, column, state))),
    };
  }

  function nameOfChoice({ row, source, group }) {
    const groups = new Set(current.choices.map((choice) => choice.group)).size;
    const target = current.names[row];
    return source !== null && groups > 1 ? t("groupTarget", { target, group }) : target;
  }

  function notes() {
    const { view } = current;
    const texts = [];
    if (view.frames.length - 1 < view.steps_kept)
      texts.push(t("stepsLeftOut", { shown: view.frames.length - 1, kept: view.steps_kept }));
    if (view.words_left_out > 0) texts.push(t("wordsLeftOut", { count: view.words_left_out }));
    return texts.map((text) => element("p", { class: "p2p-viewer-note" }, text));
  }

  function rankingList() {
    const list = element("ol", { class: "p2p-viewer-ranking", "aria-label": t("ranking"), "aria-live": "polite" });
    let said = null;
    function paint(state) {
      const point = focused(state.point);
      if (said?.point === point && said?.frame === state.frame) return;
      said = { point, frame: state.frame };
      if (point === null) return fill(list, element("li", { class: "p2p-viewer-hint" }, t("rankingHint")));
      const found = ranking(current.maps, current.view.rows[point.row], state.frame, point, MOST_RANKED);
      fill(list, ...found.map(ranked));
    }
    return { root: list, paint };
  }

  /** Keys that do something here do nothing else. Esc lets go of what is locked; a second one is the front end's. */
  function onKey(event) {
    if (OWN_KEYS.has(event.key) && !event.ctrlKey && !event.metaKey) event.stopPropagation();
    if (event.key !== "Escape" || current === null) return;
    const before = current.state;
    act({ type: "clear" });
    if (current.state === before) return;
    event.preventDefault();
    event.stopPropagation();
  }

  return { root, show, isShowing: () => current !== null };
}

function ranked({ word, value, share }) {
  return element(
    "li",
    { class: "p2p-viewer-rank", dataset: { label: word.label } },
    element("span", { class: "p2p-viewer-rank-word" }, word.label),
    element("span", { class: "p2p-viewer-bar-of", style: { "--p2p-share": share } }),
    element("span", { class: "p2p-viewer-rank-value" }, percent(value)),
  );
}

/** All that a view is drawn from: its maps and masks, and the addresses and names of its pictures. */
async function modelOf(api, view, t) {
  const urls = view.rows.map((row) => pictureUrl(api, row.picture));
  const [maps, masks, size] = await Promise.all([
    loadAtlas(api, view.maps),
    view.blend_masks ? loadAtlas(api, view.blend_masks) : null,
    sizeOf(urls[0]),
  ]);
  const names = view.rows.map((row, index) => nameOf(row, index, t));
  return { view, urls, maps, masks, size, names, choices: choices(view.rows) };
}

async function sizeOf(url) {
  const image = element("img", { src: url });
  await image.decode();
  return { width: image.naturalWidth, height: image.naturalHeight };
}

function nameOf({ role }, index, t) {
  const target = /^target (\d+)$/.exec(role)?.[1];
  if (target) return t("targetNumber", { number: target });
  return role === "source" ? t("source") : t("picture", { number: index + 1 });
}
