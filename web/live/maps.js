/** The maps of a P2P Attention Store while they form: small heat maps with their words. */

import { element, fill } from "../shared/dom.js";
import { heatColour } from "../viewer/colours.js";
import { coloured, haveSameTiles, rowName, tilesOf } from "./tiles.js";

const HINT = 22; // pixels
const FULL = 250;

/**
 * @param {(key: string, values?: object) => string} say
 * @returns {{root: HTMLElement, show: (detail: object) => void, setVisible: (isVisible: boolean) => void,
 *   height: () => number}}
 */
export function mapsPanel(say) {
  const colours = Array.from({ length: 256 }, (_, grey) => heatColour(grey / 255));
  const hint = element("p", { class: "p2p-live-hint" }, say("maps_hint"));
  const phase = element("span", { class: "p2p-live-phase" });
  const heading = element("span", { class: "p2p-live-now" }, say("maps"));
  const head = element("div", { class: "p2p-live-head", hidden: true }, heading, phase);
  const body = element("div", {
    class: "p2p-live-scroll",
    role: "group",
    tabindex: 0,
    hidden: true,
    "aria-label": say("maps"),
    "data-capture-wheel": "true",
  });
  const root = element("div", { class: "p2p-live p2p-live-maps" }, hint, head, body);
  let shown = null;
  let canvases = [];

  function build(detail) {
    canvases = [];
    const parts = detail.rows.flatMap((row) => {
      const name = rowName(row, say);
      const more = row.left_out ? say("left_out", { count: row.left_out }) : null;
      const tiles = row.words.map((word) => tile(word, detail));
      return [
        name ? element("div", { class: "p2p-live-title" }, name) : null,
        element("div", { class: "p2p-live-tiles" }, ...tiles, more),
      ];
    });
    fill(body, ...parts);
  }

  function tile(word, { width, height }) {
    const canvas = element("canvas", { width, height, role: "img", "aria-label": say("map", { word }) });
    canvases.push(canvas);
    return element("figure", { class: "p2p-live-tile", title: word }, canvas, element("figcaption", {}, word));
  }

  function show(detail) {
    if (!haveSameTiles(shown, detail)) build(detail);
    shown = detail;
    hint.hidden = true;
    head.hidden = body.hidden = false;
    phase.textContent = say("maps_step", { step: detail.step });
    tilesOf(detail).forEach((bytes, index) => {
      const picture = new ImageData(coloured(bytes, colours), detail.width, detail.height);
      canvases[index].getContext("2d").putImageData(picture, 0, 0);
    });
  }

  return {
    root,
    show,
    setVisible: (isVisible) => {
      root.hidden = !isVisible;
    },
    height: () => {
      if (root.hidden) return 0;
      return shown ? FULL : HINT;
    },
  };
}
