/** Tiles of the atlas, values between places, scales, and which words rank at a point. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { greyOf, placeOf, tileValues } from "../../web/viewer/atlas.js";
import { fullOf, mapOf, percent, ranking, wordOf } from "../../web/viewer/maps.js";
import { enlarged, enlargement, valueAt } from "../../web/viewer/sampling.js";

const TILE = { width: 3, height: 2, across: 2 };

/** Four tiles of 3×2 in two lines of two; the bytes of tile n are 60n + 0 … 60n + 5. */
function packed() {
  const bytes = new Uint8Array(6 * 4);
  for (let tile = 0; tile < 4; tile++)
    for (let y = 0; y < 2; y++)
      for (let x = 0; x < 3; x++) {
        const [line, column] = [Math.floor(tile / 2) * 2 + y, (tile % 2) * 3 + x];
        bytes[line * 6 + column] = 60 * tile + 3 * y + x;
      }
  return { bytes, width: 6, tile: TILE };
}

function close(found, expected, tolerance = 1e-5) {
  assert.equal(found.length, expected.length);
  found.forEach((value, index) => {
    assert.ok(Math.abs(value - expected[index]) < tolerance, `${found} is not ${expected}`);
  });
}

test("tiles lie line by line", () => {
  assert.deepEqual([0, 1, 2, 3].map((number) => placeOf(TILE, number)), [
    { left: 0, top: 0 },
    { left: 3, top: 0 },
    { left: 0, top: 2 },
    { left: 3, top: 2 },
  ]);
});

test("the values of a tile are its bytes in parts of its largest value", () => {
  for (const number of [0, 1, 2, 3])
    close(tileValues(packed(), number, 0.5), [0, 1, 2, 3, 4, 5].map((byte) => ((60 * number + byte) / 255) * 0.5));
});

test("grey is the red channel", () => {
  assert.deepEqual([...greyOf(new Uint8ClampedArray([7, 0, 0, 255, 9, 1, 1, 255]))], [7, 9]);
});

test("values lie in the middle of their places, and edges reach to the rim", () => {
  const values = Float32Array.of(0, 1, 2, 10, 11, 12);
  const at = (x, y) => valueAt(values, 3, 2, x, y);
  close([at(0.5, 0.25), at(1 / 6, 0.75), at(5 / 6, 0.25)], [1, 10, 2]);
  close([at(1 / 3, 0.25), at(0.5, 0.5)], [0.5, 6]);
  close([at(0, 0), at(1, 1), at(-3, 0), at(7, 9)], [0, 12, 0, 12]);
});

test("enlarged as PyTorch's bilinear interpolation does it", () => {
  // torch.nn.functional.interpolate(torch.tensor([[[0., 4.], [8., 4.]]])[None], scale_factor=2, mode="bilinear")
  close(enlarged(Float32Array.of(0, 4, 8, 4), 2, 2, 2), [
    0, 1, 3, 4, 2, 2.5, 3.5, 4, 6, 5.5, 4.5, 4, 8, 7, 5, 4,
  ]);
});

test("one place becomes many alike, and none are added where times is 1", () => {
  close(enlarged(Float32Array.of(0.25), 1, 1, 3), Array(9).fill(0.25));
  const values = Float32Array.of(1, 2);
  assert.equal(enlarged(values, 2, 1, 1), values);
});

test("what is drawn is about as large as wanted, and never smaller than the grid", () => {
  assert.deepEqual([enlargement(16, 24, 256), enlargement(64, 64, 256), enlargement(300, 2, 256)], [10, 4, 1]);
});

const WORDS = [
  { label: "cat", column: 0, prompt: 0, tile: 0, largest: [0.5, null] },
  { label: "mat", column: 1, prompt: 0, tile: 1, largest: [0.1, 0.2] },
  { label: "fog", column: 3, prompt: 0, tile: 2, largest: [0, 0.9] },
];
const ROWS = [{ words: WORDS }, { words: [{ ...WORDS[1], largest: [0.8, 0.3] }] }];

test("a word's full value is its own largest, or that of all words of all pictures in this frame", () => {
  assert.equal(fullOf(ROWS, WORDS[0], 0, "per word"), 0.5);
  assert.equal(fullOf(ROWS, WORDS[1], 0, "shared"), 0.8);
  assert.equal(fullOf(ROWS, WORDS[1], 1, "shared"), 0.9);
  assert.equal(fullOf(ROWS, WORDS[0], 1, "per word"), 0);
});

test("words are found by what took their place", () => {
  assert.equal(wordOf(ROWS[0], 3), WORDS[2]);
  assert.equal(wordOf(ROWS[1], 3), null);
});

test("a frame follows the frame before it in the atlas, and one without the prompt has no map", () => {
  close([...mapOf(packed(), WORDS[1], 1)], [...tileValues(packed(), 2, 0.2)]);
  assert.equal(mapOf(packed(), WORDS[0], 1), null);
});

/** Tiles of one place each: 100, 200 and 255 of 255. */
const POINT_ATLAS = { bytes: Uint8Array.of(100, 200, 255, 255), width: 4, tile: { width: 1, height: 1, across: 4 } };

test("words rank by what they have at the point, whatever their largest value is", () => {
  const found = ranking(POINT_ATLAS, ROWS[0], 0, { x: 0.3, y: 0.9 }, 3);
  assert.deepEqual(found.map(({ word }) => word.label), ["cat", "mat", "fog"]);
  close(found.map(({ value }) => value), [(0.5 * 100) / 255, (0.1 * 200) / 255, 0]);
  close(found.map(({ share }) => share), [1, 0.4, 0]);
});

test("the ranking differs from place to place", () => {
  const bytes = Uint8Array.of(255, 0, 0, 255);
  const atlas = { bytes, width: 4, tile: { width: 2, height: 1, across: 2 } };
  const row = { words: WORDS.slice(0, 2).map((word) => ({ ...word, largest: [1] })) };
  assert.equal(ranking(atlas, row, 0, { x: 0.1, y: 0.5 }, 2)[0].word.label, "cat");
  assert.equal(ranking(atlas, row, 0, { x: 0.9, y: 0.5 }, 2)[0].word.label, "mat");
});

test("a ranking has as many words as asked, and none that took no part", () => {
  assert.deepEqual(ranking(POINT_ATLAS, ROWS[0], 0, { x: 0, y: 0 }, 1).map(({ word }) => word.label), ["cat"]);
  assert.deepEqual(ranking(POINT_ATLAS, ROWS[0], 1, { x: 0, y: 0 }, 9).map(({ word }) => word.label), ["fog", "mat"]);
});

test("where no word looks, no share is a number that is none", () => {
  const dark = { ...POINT_ATLAS, bytes: new Uint8Array(4) };
  assert.deepEqual(ranking(dark, ROWS[0], 0, { x: 0, y: 0 }, 3).map(({ share }) => share), [0, 0, 0]);
  assert.deepEqual(ranking(dark, { words: [] }, 0, { x: 0, y: 0 }, 3), []);
});

test("percents have a digit where they are small", () => {
  const said = [0, 0.004, 0.0994, 0.0996, 0.5, 1.4].map(percent);
  assert.deepEqual(said, ["0.0 %", "0.4 %", "9.9 %", "10 %", "50 %", "140 %"]);
});
