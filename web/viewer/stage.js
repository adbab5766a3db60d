/** The pictures in one of three ways: side by side, one on top of the other with a divider, or with the blend mask. */

import { element } from "../shared/dom.js";
import { box } from "./box.js";
import { layer } from "./layer.js";
import { maskedPart } from "./masks.js";
import { tileValues } from "./atlas.js";
import { COMPARE, MASK, SIDE_BY_SIDE, dividerInset } from "./state.js";
import { rowsOf } from "./pairs.js";
import { wordList } from "./words.js";

/**
 * @param {object} model see panel.js.
 * @param {object} choice of pairs.js.
 * @param {string} mode
 * @param {{t: Function, onWord: Function, onPoint: Function, onDivider: (value: number) => void}} tools
 * @returns {{root: HTMLElement, paint: (state: object, focus: {column: unknown}) => void}}
 */
export function stage(model, choice, mode, tools) {
  const rows = rowsOf(choice);
  const lists = rows.map((row) => wordList(model.view.rows[row], model.names[row], tools.t, tools.onWord));
  if (mode === SIDE_BY_SIDE) return sideBySide(model, rows, lists, tools);
  return mode === COMPARE ? stacked(model, rows, lists, tools) : masked(model, rows, lists, tools);
}

function sideBySide(model, rows, lists, tools) {
  const parts = rows.map((row, index) => {
    const picture = layerOf(model, row);
    const label = tools.t("pictureHint", { name: model.names[row] });
    const place = box(row, { label, hasKeys: true }, tools.onPoint, picture.root);
    return { picture, place, figure: figure(model.names[row], place.root, lists[index].root) };
  });
  const figures = parts.map((part) => part.figure);
  const root = element("div", { class: "p2p-viewer-stage", style: shapeOf(model, rows.length) }, ...figures);
  return {
    root,
    paint(state, { column }) {
      parts.forEach(({ picture, place }) => {
        picture.paint(state, column);
        place.paint(state.point);
      });
      lists.forEach((list) => list.paint(state, column));
    },
  };
}

function stacked(model, [source, target], lists, tools) {
  const [over, under] = [layerOf(model, source), layerOf(model, target)];
  const range = element("input", {
    type: "range",
    class: "p2p-viewer-range",
    min: 0,
    max: 100,
    step: 1,
    "aria-label": tools.t("divider"),
    oninput: (event) => tools.onDivider(Number(event.target.value)),
  });
  const line = element("div", { class: "p2p-viewer-divider", "aria-hidden": "true" });
  const place = box(target, { hasKeys: false }, tools.onPoint, under.root, over.root, range, line);
  const caption = [model.names[source], model.names[target]];
  const root = stackedRoot(model, caption, place.root, [source, target], lists);
  return {
    root,
    paint(state, { column }) {
      const shown = state.isFlipped ? 0 : state.divider;
      over.paint(state, column);
      under.paint(state, column);
      over.root.style.clipPath = dividerInset(shown);
      range.value = state.divider;
      range.setAttribute("aria-valuetext", tools.t("dividerValue", { percent: state.divider }));
      line.style.left = `${shown}%`;
      line.hidden = state.isFlipped;
      place.paint(state.point);
      lists.forEach((list) => list.paint(state, column));
    },
  };
}

function masked(model, [source, target], lists, tools) {
  const [over, under] = [layerOf(model, source), layerOf(model, target)];
  const label = tools.t("pictureHint", { name: model.names[target] });
  const place = box(target, { label, hasKeys: true }, tools.onPoint, under.root, over.root);
  const part = maskedPart(tileValues(model.masks, model.view.mask_tiles[target], 1));
  const caption = [model.names[target], tools.t("maskPart", { percent: Math.round(part * 100) })];
  const root = stackedRoot(model, caption, place.root, [source, target], lists);
  return {
    root,
    paint(state, { column }) {
      under.paint(state, column);
      over.paint({ ...state, mode: COMPARE }, column);
      over.root.hidden = !state.isFlipped;
      place.paint(state.point);
      lists.forEach((list) => list.paint(state, column));
    },
  };
}

function stackedRoot(model, caption, boxRoot, rows, lists) {
  const words = rows.map((row, index) =>
    element(
      "div",
      { class: "p2p-viewer-line" },
      element("span", { class: "p2p-viewer-name" }, model.names[row]),
      lists[index].root,
    ),
  );
  return element(
    "div",
    { class: "p2p-viewer-stage", style: shapeOf(model, 1) },
    figure(caption.join("  |  "), boxRoot, element("div", { class: "p2p-viewer-lines" }, ...words)),
  );
}

function figure(name, boxRoot, below) {
  return element(
    "figure",
    { class: "p2p-viewer-figure" },
    element("figcaption", { class: "p2p-viewer-name" }, name),
    element("div", { class: "p2p-viewer-room" }, boxRoot),
    below,
  );
}

function shapeOf({ size }, figures) {
  return { "--p2p-shape": size.width / size.height, "--p2p-figures": figures };
}

function layerOf(model, row) {
  return layer(model, row, model.urls[row], model.names[row]);
}

/** Whether a way of looking is possible for a choice. */
export function isPossible(model, choice, mode) {
  if (mode === SIDE_BY_SIDE) return true;
  if (choice.source === null) return false;
  return mode === COMPARE || (mode === MASK && typeof model.view.mask_tiles[choice.row] === "number");
}
