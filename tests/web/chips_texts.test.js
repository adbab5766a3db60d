// The numbers and sentences of chips.

import assert from "node:assert/strict";
import { test } from "node:test";

import { changeOf, spokenScale, tooltipOf } from "../../web/chips/describe.js";
import { MESSAGES } from "../../web/chips/messages.js";
import * as numbers from "../../web/chips/numbers.js";
import { wordReader } from "../../web/chips/reader.js";
import { translator } from "../../web/shared/language.js";

const t = translator(MESSAGES, "en");
const CHIP = {
  id: "target1", text: "dog", phrase: "dog", change: "replaced", other: "cat", tokens: [[0, 5], [1, 1]],
  choosable: true, everywhere: true, also: [], together: null, scale: 1.6, start: 0, end: 0.8,
};

test("both languages say the same things", () => {
  assert.deepEqual(Object.keys(MESSAGES.zh).sort(), Object.keys(MESSAGES.en).sort());
  const values = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const key of Object.keys(MESSAGES.en)) {
    if (!["token", "scaleText"].includes(key)) assert.deepEqual(values(MESSAGES.zh[key]), values(MESSAGES.en[key]), key);
  }
});

test("a drag goes in whole steps and not past the ends", () => {
  assert.equal(numbers.draggedScale(1, 0), 1);
  assert.equal(numbers.draggedScale(1, 8), 1.1);
  assert.equal(numbers.draggedScale(1, 80), 2);
  assert.equal(numbers.draggedScale(1, -1000), -2);
  assert.equal(numbers.draggedScale(1, 1000), 4);
  assert.equal(numbers.draggedScale(50, 1000), 50);
  assert.equal(numbers.draggedScale(1.63, 1), 1.63);
  assert.equal(numbers.draggedBound(0.8, 0.5), 1);
  assert.equal(numbers.draggedBound(0.8, -0.303), 0.5);
});

test("steps add up without rounding errors", () => {
  let scale = 1;
  for (let step = 0; step < 20; step += 1) scale = numbers.stepped(scale, -numbers.STEP, -100, 100);
  assert.ok(Object.is(scale, 0));
});

test("the neutral scale is in the middle of the gauge and has no tint", () => {
  assert.equal(numbers.placeOnGauge(1), 0.5);
  assert.equal(numbers.strengthOf(1), 0);
  assert.equal(numbers.strengthOf(4), numbers.strengthOf(-2));
});

test("numbers are shown with two decimals or more", () => {
  assert.deepEqual([1, -0.5, 1.255, 100].map(numbers.shownScale), ["1.00", "-0.50", "1.255", "100.00"]);
});

test("a tooltip tells tokens, alignment and what else sets the word", () => {
  assert.equal(tooltipOf(CHIP, t, "help"), "tokens 5 of chunk 1, 1 of chunk 2\ncat → dog\nhelp");
  assert.match(tooltipOf({ ...CHIP, tokens: [[0, 5]] }, t, ""), /^token 5\n/);
  assert.match(tooltipOf({ ...CHIP, together: "big dog" }, t, ""), /by “big dog”/);
  const also = [{ phrase: "dog", scale: 2, start: 0, end: 1 }];
  assert.match(tooltipOf({ ...CHIP, also }, t, ""), /Also: dog: 2\./);
  assert.match(tooltipOf({ ...CHIP, phrase: null }, t, "help"), /No phrase means this word alone/);
});

test("what is heard of a chip", () => {
  assert.equal(spokenScale(CHIP, t), "dog, cat → dog, 1.60 @ 0-0.8");
  assert.equal(changeOf({ ...CHIP, id: "source1" }, t), "dog → cat");
  assert.equal(changeOf({ ...CHIP, change: "added", other: "" }, t), "added");
});

test("the server is asked once for each pair, and again after it failed", async () => {
  const asked = [];
  let answer = { ok: false, status: 400, json: async () => ({ error: "Too long." }) };
  const read = wordReader(async (path, { body }) => (asked.push([path, JSON.parse(body)]), answer));
  await assert.rejects(read({ target: "a" }), { message: "Too long." });
  answer = { ok: false, status: 404 };
  await assert.rejects(read({ target: "a" }), { message: "" });
  answer = { ok: true, json: async () => ({ target: [] }) };
  assert.deepEqual(await read({ target: "a" }), { target: [] });
  await read({ target: "a" });
  assert.equal(asked.length, 3);
  assert.deepEqual(asked[0], ["/prompt_to_prompt/words", { target: "a" }]);
});
