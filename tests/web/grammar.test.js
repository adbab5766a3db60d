// The grammar of the text inputs in the browser: every case that the Python side obeys too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import * as grammar from "../../web/shared/grammar.js";

const CASES = JSON.parse(readFileSync(new URL("../grammar_cases.json", import.meta.url), "utf-8"));
const GRAMMAR = {
  word_windows: [grammar.parseWordWindows, grammar.formatWordWindows],
  scales: [grammar.parseScales, grammar.formatScales],
  words: [grammar.parseWords, grammar.formatWords],
};

function sentenceOf(run) {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof grammar.GrammarError, String(error.stack));
    return error.message;
  }
  return assert.fail("nothing was refused");
}

describe("the cases of both sides", () => {
  test("there are as many as the Python side asks for", () => {
    assert.ok(CASES.reading.length >= 120 && CASES.writing.length >= 10);
  });

  for (const { kind, note, text, parsed, canonical, error } of CASES.reading) {
    const [parse, format] = GRAMMAR[kind];
    test(`${kind}: ${note}`, () => {
      if (error !== undefined) {
        assert.ok(sentenceOf(() => parse(text)).includes(error));
        return;
      }
      assert.deepEqual(parse(text), parsed);
      assert.equal(format(parse(text)), canonical);
      assert.deepEqual(parse(canonical), parsed);
    });
  }

  for (const { kind, note, entries, canonical, error } of CASES.writing) {
    const [parse, format] = GRAMMAR[kind];
    test(`writing ${kind}: ${note}`, () => {
      if (error !== undefined) {
        assert.ok(sentenceOf(() => format(entries)).includes(error));
        return;
      }
      assert.equal(format(entries), canonical);
      assert.equal(format(parse(canonical)), canonical);
    });
  }
});

test("minus nothing is nothing", () => {
  assert.ok(Object.is(grammar.parseScales("night: -0")[0][1], 0));
});

test("numbers in sentences are Python's", () => {
  const said = (bound) => sentenceOf(() => grammar.parseWordWindows(`dog: ${bound}`));
  assert.match(said("4"), /, 4\.0 is outside/);
  assert.match(said("12.5"), /, 12\.5 is outside/);
  assert.match(said("1" + "0".repeat(16)), /, 1e\+16 is outside/);
  assert.match(said("9".repeat(400)), /, inf is outside/);
  assert.match(said("0.5-0.00001"), /The window 0\.5-1e-05 starts after its end/);
});

test("numbers have no exponent", () => {
  const cases = [[1e-7, "0.0000001"], [-2.5e-9, "-0.0000000025"], [100, "100"], [0.05, "0.05"], [-0, "0"], [10.5, "10.5"]];
  for (const [value, text] of cases) assert.equal(grammar.formatNumber(value), text);
});

test("digits of all scripts have their value", () => {
  for (const zero of [0x30, 0x660, 0x966, 0xff10, 0x104a0, 0x1d7ce, 0x1d7d8, 0x1d7f6]) {
    for (let value = 0; value < 10; value += 1) {
      const [[, scale]] = grammar.parseScales(`夜: ${String.fromCodePoint(zero + value)}`);
      assert.equal(scale, value);
    }
  }
});

test("where the entries stand", () => {
  const text = " dog : 2,\n\n night: 1.6 @ 0-0.8 ";
  const found = grammar.located("scales", text);
  assert.deepEqual(found.map(({ from, to }) => text.slice(from, to)), [" dog : 2", " night: 1.6 @ 0-0.8 "]);
  assert.deepEqual(found[1].entry, { phrase: "night", scale: 1.6, start: 0, end: 0.8 });
});

test("long texts are read quickly", () => {
  const started = process.cpuUsage().user;
  const long = ["9".repeat(1e5), `dog: ${"9".repeat(1e5)}`, `${" ".repeat(1e5)}x`, "#".repeat(1e5), `dog: ${"- ".repeat(5e4)}`];
  for (const [parse] of Object.values(GRAMMAR)) {
    for (const text of long) {
      try {
        parse(text);
      } catch (error) {
        assert.ok(error instanceof grammar.GrammarError && error.message.length < 400);
      }
    }
  }
  assert.ok(process.cpuUsage().user - started < 5e6);
});
