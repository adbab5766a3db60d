// The forming maps as they travel.
import assert from "node:assert/strict";
import { test } from "node:test";

import { coloured, haveSameTiles, rowName, tilesOf } from "../../web/live/tiles.js";

const bytes = [0, 128, 255, 1, 2, 3, 9, 8, 7, 6, 5, 4];
const detail = {
  node: "9",
  step: 3,
  rows: [
    { side: "positive", target: 0, words: ["cat"], left_out: 0 },
    { side: "positive", target: 1, words: ["dog"], left_out: 0 },
  ],
  width: 3,
  height: 2,
  data: btoa(String.fromCharCode(...bytes)),
};

test("a tile per word, in order", () => {
  assert.deepEqual(tilesOf(detail).map((tile) => [...tile]), [bytes.slice(0, 6), bytes.slice(6)]);
});

test("data that does not fit is refused", () => {
  assert.throws(() => tilesOf({ ...detail, width: 4 }), /12 bytes are not 2 tiles of 8/);
});

test("greys get their colours", () => {
  const colours = Array.from({ length: 256 }, (_, grey) => [grey, 255 - grey, 7]);
  assert.deepEqual([...coloured(Uint8Array.of(0, 255), colours)], [0, 255, 7, 255, 255, 0, 7, 255]);
});

test("the page's elements stay while words and sizes are the same", () => {
  assert.ok(haveSameTiles(detail, { ...detail, step: 4, data: "" }));
  assert.ok(!haveSameTiles(null, detail));
  assert.ok(!haveSameTiles(detail, { ...detail, width: 2 }));
  assert.ok(!haveSameTiles(detail, { ...detail, rows: detail.rows.slice(1) }));
});

test("names of rows", () => {
  const say = (key, values) => `${key} ${JSON.stringify(values ?? {})}`;
  assert.equal(rowName({ side: "positive", target: null }, say), "");
  assert.equal(rowName({ side: "positive", target: 0 }, say), "source {}");
  assert.equal(rowName({ side: "positive", target: 2 }, say), 'target_only {"target":2}');
  assert.equal(rowName({ side: "negative", target: null }, say), "negative_only {}");
  assert.match(rowName({ side: "negative", target: 0 }, say), /^negative {"row":"source {}"}/);
});
