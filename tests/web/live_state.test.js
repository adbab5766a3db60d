// What a node knows of its runs from the server's events, and how it is said.
import assert from "node:assert/strict";
import { test } from "node:test";

import { translator } from "../../web/shared/language.js";
import { MESSAGES } from "../../web/live/messages.js";
import { activeRows, haveSameRows, isActive, NOTHING, position, reduce } from "../../web/live/state.js";
import { nowText, phaseText, rowLabel, wholeText } from "../../web/live/words.js";

const say = translator(MESSAGES, "en");
const SWAP = { kind: "swap", words: "dog", source: "cat", window: [0, 0.4], active: [[0, 2]] };
const SCALE = { kind: "scale", words: "red", scale: 1.6, window: [0.2, 1], active: [[1, 4]] };
const KEEP = { kind: "keep", words: "a photo of a", window: [0, 0.4], active: [[0, 2]] };
const RUN = {
  node: "7",
  run: "one",
  progress: [0, 0.25, 0.5, 0.75],
  end_progress: 1,
  targets: [{ target: 1, prompt: "a red dog", rows: [SWAP, SCALE, KEEP] }],
};

function after(...events) {
  return events.reduce((state, [event, detail]) => reduce(state, event, { run: "one", ...detail }), NOTHING);
}

test("a run goes from its begin to its end", () => {
  assert.equal(after().phase, "waiting");
  const begun = after(["run", RUN]);
  assert.equal(begun.phase, "running");
  assert.equal(begun.step, null);
  const done = after(["run", RUN], ["step", { step: 3 }], ["end", { outcome: "done" }]);
  assert.equal(done.phase, "done");
  assert.equal(done.step, 3);
});

test("the rows that act at every step", () => {
  const names = [0, 1, 2, 3].map((step) => activeRows(after(["run", RUN], ["step", { step }])).map((row) => row.kind));
  assert.deepEqual(names, [["swap", "keep"], ["swap", "scale", "keep"], ["scale"], ["scale"]]);
  assert.deepEqual(activeRows(after(["run", RUN])), []);
});

test("a row with several ranges", () => {
  const row = { active: [[0, 1], [3, 5]] };
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((step) => isActive(row, step)), [true, false, false, true, true, false]);
  assert.equal(isActive(row, null), false);
});

test("a word that was adjusted in the record", () => {
  const row = { kind: "adjust", words: "red cat", window: [0, 0.4], active: [[0, 2]] };
  const targets = [{ target: 1, prompt: "a red cat", rows: [row, KEEP] }];
  assert.equal(rowLabel(row, say), "red cat: adjusted");
  assert.equal(nowText(after(["run", { ...RUN, targets }], ["step", { step: 0 }]), say), "now: red cat, kept words");
});

test("late news of an earlier run, or after the end, change nothing", () => {
  const running = after(["run", RUN], ["step", { step: 1 }]);
  assert.equal(reduce(running, "step", { run: "zero", step: 3 }), running);
  assert.equal(reduce(running, "end", { run: "zero", outcome: "failed" }), running);
  assert.equal(reduce(running, "step", { run: "one", step: 1 }), running);
  const ended = reduce(running, "end", { run: "one", outcome: "done" });
  assert.equal(reduce(ended, "step", { run: "one", step: 3 }), ended);
});

test("a second run begins anew", () => {
  const done = after(["run", RUN], ["step", { step: 3 }], ["end", { outcome: "done" }]);
  const again = reduce(done, "run", { ...RUN, run: "two" });
  assert.deepEqual([again.run, again.phase, again.step], ["two", "running", null]);
  assert.ok(haveSameRows(done, again));
  assert.ok(!haveSameRows(done, reduce(done, "run", { ...RUN, progress: [0, 0.5] })));
});

test("where the line stands", () => {
  assert.equal(position(NOTHING), 0);
  assert.equal(position(after(["run", { ...RUN, progress: [0.5, 0.75] }])), 0.5);
  assert.equal(position(after(["run", RUN], ["step", { step: 2 }])), 0.5);
  assert.equal(position(after(["run", RUN], ["step", { step: 2 }], ["end", { outcome: "stopped" }])), 0.5);
  assert.equal(position(after(["run", { ...RUN, end_progress: 0.9 }], ["end", { outcome: "done" }])), 0.9);
});

test("what is said", () => {
  const at = (step) => after(["run", RUN], ["step", { step }]);
  assert.equal(nowText(at(1), say), "now: dog, red ×1.6, kept words");
  assert.equal(nowText(at(3), say), "now: red ×1.6");
  assert.equal(nowText(after(["run", RUN]), say), "now: nothing is edited");
  assert.equal(phaseText(at(1), say), "step 2 of 4");
  assert.equal(phaseText(reduce(at(1), "end", { run: "one", outcome: "done" }), say), "done, 4 steps");
  assert.equal(phaseText(reduce(at(1), "end", { run: "one", outcome: "stopped" }), say), "stopped at step 2 of 4");
  assert.equal(phaseText(reduce(at(1), "end", { run: "one", outcome: "?" }), say), "failed at step 2 of 4");
  assert.equal(
    wholeText(at(1), say),
    "When each word is edited: cat → dog, 0 to 0.4; red ×1.6, 0.2 to 1; kept: a photo of a, 0 to 0.4",
  );
});

test("every kind of row has a name", () => {
  const rows = [
    [{ kind: "move", words: "cat", offset: [0.25, -0.1], size: 1.5 }, "cat: moved → 0.25 ↑ 0.1 ×1.5"],
    [{ kind: "move", words: "cat", offset: [-0.25, 0], size: 1 }, "cat: moved ← 0.25"],
    [{ kind: "keep", words: "" }, "kept: (after the words)"],
    [{ kind: "self", words: "", mode: "inject", grids: "coarse" }, "self-attention (coarse)"],
    [{ kind: "self", words: "", mode: "mutual", grids: "all" }, "mutual self-attention (all grids)"],
    [{ kind: "blend", words: "dog" }, "local blend: dog"],
    [{ kind: "blend", words: "" }, "local blend (mask)"],
    [{ kind: "scale", words: "red", scale: -0.5 }, "red ×-0.5"],
  ];
  for (const [row, label] of rows) assert.equal(rowLabel(row, say), label);
});

test("both languages say the same things", () => {
  const slots = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
  assert.deepEqual(Object.keys(MESSAGES.zh), Object.keys(MESSAGES.en));
  for (const key of Object.keys(MESSAGES.en)) assert.deepEqual(slots(MESSAGES.zh[key]), slots(MESSAGES.en[key]), key);
});

test("what a record lacks is said with the run that lacks it", () => {
  const note = "The record has less than this edit takes.";
  const run = after(["run", { ...RUN, note }]);
  assert.equal(run.note, note);
  assert.ok(wholeText(run, say).endsWith(`. ${note}`));
  assert.equal(after(["run", RUN]).note, "");
  assert.equal(reduce(run, "run", { ...RUN, run: "two", note: "" }).note, "");
});
