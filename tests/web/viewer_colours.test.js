/** The colours of heat maps: perceptually ordered, and those that the node's own pictures have. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { heatColour, heatGradient, heatPixels } from "../../web/viewer/colours.js";

const PYTHON = new URL("../../p2p_core/attention_pictures.py", import.meta.url);

test("the stops are those of the pictures that the node makes", async () => {
  const table = /_VIRIDIS = \(([\s\S]*?)\n\)/.exec(await readFile(PYTHON, "utf8"))[1];
  const stops = [...table.matchAll(/\((\d+), (\d+), (\d+)\)/g)].map((match) => match.slice(1).map(Number));
  assert.equal(stops.length, 9);
  stops.forEach((stop, index) => assert.deepEqual(heatColour(index / (stops.length - 1)), stop));
});

test("between two stops colours are mixed", () => {
  heatColour(1 / 16).forEach((channel, index) => assert.ok(Math.abs(channel - [69.5, 23, 103.5][index]) < 1e-9));
});

test("lightness rises all the way", () => {
  const luminance = [0.2126, 0.7152, 0.0722];
  const light = (value) => heatColour(value).reduce((sum, channel, index) => sum + luminance[index] * channel, 0);
  for (let step = 0; step < 100; step++) assert.ok(light((step + 1) / 100) > light(step / 100), `at ${step} %`);
});

test("outside 0 to 1 colours are those of the ends", () => {
  assert.deepEqual(heatColour(-2), heatColour(0));
  assert.deepEqual(heatColour(2), heatColour(1));
});

test("pixels are the colours of values in parts of the full one", () => {
  const pixels = heatPixels(Float32Array.of(0, 0.2, 0.4, 0.8, -1), 0.4);
  const expected = [0, 0.5, 1, 1, 0].map((share) => heatColour(share));
  expected.forEach((colour, place) => {
    colour.forEach((channel, index) => assert.ok(Math.abs(pixels[4 * place + index] - channel) <= 1));
    assert.equal(pixels[4 * place + 3], 255);
  });
});

test("every share has its colour to one level", () => {
  for (let step = 0; step <= 997; step++) {
    const pixels = heatPixels(Float32Array.of(step / 997), 1);
    heatColour(step / 997).forEach((channel, index) => assert.ok(Math.abs(pixels[index] - channel) <= 1, `${step}`));
  }
});

test("no attention at all is the darkest colour", () => {
  assert.deepEqual([...heatPixels(Float32Array.of(0, 3), 0)], [68, 1, 84, 255, 68, 1, 84, 255]);
});

test("the gradient goes from the darkest to the lightest", () => {
  assert.match(heatGradient(), /^linear-gradient\(to right, rgb\(68 1 84\), .*, rgb\(253 231 37\)\)$/);
});
