/** One picture with its heat map and its mask on it. */

import { element } from "../shared/dom.js";
import { mapOf, fullOf, wordOf } from "./maps.js";
import { heatPixels } from "./colours.js";
import { enlarged, enlargement } from "./sampling.js";
import { tileValues } from "./atlas.js";
import { maskEdges } from "./masks.js";

const HEAT_SIDE = 256; // pixels of the longer side of a heat map; the page smooths what is larger
const MASK_SIDE = 768;
const MASK_SHADE = "rgb(0 0 0 / 0.6)";
const MASK_LINES = [
  ["rgb(0 0 0 / 0.8)", 4],
  ["#ffd54f", 2],
];

/** @returns {{root: HTMLElement, paint: (state: object, column: unknown) => void}} */
export function layer(model, row, url, name) {
  const image = element("img", { class: "p2p-viewer-image", src: url, alt: name, draggable: "false" });
  const heat = element("canvas", { class: "p2p-viewer-heat", "aria-hidden": "true" });
  const mask = element("canvas", { class: "p2p-viewer-mask", "aria-hidden": "true" });
  const root = element("div", { class: "p2p-viewer-layer", dataset: { row } }, image, heat, mask);
  let drawn = null; // what the heat map shows, so that it is made again for another one only
  drawMask(mask, model, row);

  function paint(state, column) {
    const word = column === null ? null : wordOf(model.view.rows[row], column);
    const values = word === null ? null : mapOf(model.maps, word, state.frame);
    heat.hidden = values === null;
    mask.hidden = state.mode !== "mask";
    image.style.filter = values === null ? "" : `grayscale(${state.opacity})`;
    heat.style.opacity = state.opacity;
    if (values === null) return;
    const full = fullOf(model.view.rows, word, state.frame, state.scale);
    const key = `${column} ${state.frame} ${full}`;
    if (key !== drawn) drawHeat(heat, model.maps.tile, values, full);
    drawn = key;
  }

  return { root, paint };
}

function drawHeat(canvas, { width, height }, values, full) {
  const times = enlargement(width, height, HEAT_SIDE);
  canvas.width = width * times;
  canvas.height = height * times;
  const pixels = heatPixels(enlarged(values, width, height, times), full);
  canvas.getContext("2d").putImageData(new ImageData(pixels, canvas.width, canvas.height), 0, 0);
}

function drawMask(canvas, model, row) {
  const number = model.view.mask_tiles[row];
  if (model.masks === null || number === null || number === undefined) return;
  const { width, height } = model.masks.tile;
  const values = tileValues(model.masks, number, 1);
  const times = enlargement(width, height, MASK_SIDE);
  canvas.width = width * times;
  canvas.height = height * times;
  const context = canvas.getContext("2d");
  context.fillStyle = MASK_SHADE;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (values[y * width + x] <= 0.5) context.fillRect(x * times, y * times, times, times);
  for (const [colour, thickness] of MASK_LINES) {
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.lineCap = "square";
    context.beginPath();
    for (const [x1, y1, x2, y2] of maskEdges(values, width, height)) {
      context.moveTo(x1 * times, y1 * times);
      context.lineTo(x2 * times, y2 * times);
    }
    context.stroke();
  }
}
