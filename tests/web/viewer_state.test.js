/** What can be set in the viewer: pictures of a batch, the divider, masks, and what stays from run to run. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { maskEdges, maskedPart } from "../../web/viewer/masks.js";
import { MESSAGES } from "../../web/viewer/messages.js";
import { nodeByLocatorId, viewOf } from "../../web/viewer/outputs.js";
import { choices, rowsOf } from "../../web/viewer/pairs.js";
import { COMPARE, SIDE_BY_SIDE, dividerInset, movedPoint, reduced, startOf } from "../../web/viewer/state.js";

const roles = (...names) => names.map((role) => ({ role }));

test("a target is beside the source of its group", () => {
  const found = choices(roles("source", "target 1", "target 2", "source", "target 1", "target 2"));
  assert.deepEqual(found.map(rowsOf), [[0, 1], [0, 2], [3, 4], [3, 5]]);
  assert.deepEqual(found.map(({ group, target }) => [group, target]), [[1, 1], [1, 2], [2, 1], [2, 2]]);
});

test("without an edit every picture is alone", () => {
  assert.deepEqual(choices(roles("", "", "")).map(rowsOf), [[0], [1], [2]]);
});

test("a target without a source, and a source without a target", () => {
  assert.deepEqual(choices(roles("target 1")).map(rowsOf), [[0]]);
  assert.deepEqual(choices(roles("source")).map(rowsOf), [[0]]);
  assert.deepEqual(choices([]), []);
});

const VIEW = { rows: roles("source", "target 1"), frames: [{}, {}, {}], frame: 1, scale: "shared", opacity: 0.4 };

test("a view starts as the node is set", () => {
  const { frame, scale, opacity, mode, choice } = startOf(VIEW);
  assert.deepEqual([frame, scale, opacity, mode, choice], [1, "shared", 0.4, SIDE_BY_SIDE, 0]);
});

test("what was set in the view stays for the next run, unless the node says something new", () => {
  const state = { ...startOf(VIEW), opacity: 0.9, scale: "per word", frame: 2, mode: COMPARE, divider: 20 };
  const next = startOf({ ...VIEW, scale: "per word", opacity: 0.5 }, { view: VIEW, state });
  assert.deepEqual([next.opacity, next.frame, next.mode, next.divider], [0.5, 2, COMPARE, 20]);
  assert.equal(startOf(VIEW, { view: VIEW, state }).opacity, 0.9);
});

test("what the next run does not have is not kept", () => {
  const state = { ...startOf(VIEW), frame: 2, choice: 3, mode: COMPARE, words: { hovered: null, locked: 7 } };
  const next = startOf({ ...VIEW, rows: roles(""), frames: [{}] }, { view: VIEW, state });
  assert.deepEqual([next.frame, next.choice, next.mode, next.words.locked], [0, 0, SIDE_BY_SIDE, null]);
});

test("words and points are looked at apart, and let go of together", () => {
  const word = reduced(startOf(VIEW), { type: "word", action: { type: "toggle", key: 2 } });
  const both = reduced(word, { type: "point", action: { type: "lock", key: { x: 0, y: 0, row: 1 } } });
  assert.equal(both.words.locked, 2);
  assert.equal(both.point.locked.row, 1);
  const none = reduced(both, { type: "clear" });
  assert.deepEqual([none.words.locked, none.point.locked], [null, null]);
  assert.equal(reduced(none, { type: "clear" }), none);
});

test("another picture has another point, and a setting that is the same changes nothing", () => {
  const state = reduced(startOf(VIEW), { type: "point", action: { type: "lock", key: { x: 0, y: 0, row: 1 } } });
  assert.equal(reduced(state, { type: "choose", choice: 1, mode: COMPARE }).point.locked, null);
  assert.equal(reduced(state, { type: "set", name: "opacity", value: state.opacity }), state);
  assert.equal(reduced(state, { type: "set", name: "divider", value: 12 }).divider, 12);
});

test("an unknown action is a mistake", () => assert.throws(() => reduced(startOf(VIEW), { type: "fly" }), /"fly"/));

test("a point stays inside the picture", () => {
  assert.deepEqual(movedPoint({ x: 0.5, y: 0.9, row: 1 }, 1, 1, 0.25), { x: 0.75, y: 1, row: 1 });
  assert.deepEqual(movedPoint({ x: 0.1, y: 0.5, row: 0 }, -1, 0, 0.25), { x: 0, y: 0.5, row: 0 });
});

test("the divider cuts off the source at its right", () => {
  assert.deepEqual([0, 25, 100].map(dividerInset), ["inset(0 100% 0 0)", "inset(0 75% 0 0)", "inset(0 0% 0 0)"]);
});

test("the edges of a mask", () => {
  const mask = Float32Array.of(0, 1, 1, 0, 0, 1);
  assert.deepEqual(new Set(maskEdges(mask, 3, 2).map(String)), new Set(["1,0,1,1", "1,1,2,1", "2,1,2,2"]));
  assert.equal(maskedPart(mask), 0.5);
});

test("a mask of everything and of nothing has no edge", () => {
  for (const value of [0, 1]) assert.deepEqual(maskEdges(new Float32Array(6).fill(value), 3, 2), []);
  assert.equal(maskedPart(new Float32Array(0)), 0);
});

test("nodes are found by the ids that the front end keeps outputs under", () => {
  const inner = { id: 7 };
  const graph = { nodes: [{ id: 7, type: "outer" }], subgraphs: new Map([["ab-cd", { nodes: [inner] }]]) };
  assert.equal(nodeByLocatorId(graph, "7").type, "outer");
  assert.equal(nodeByLocatorId(graph, "ab-cd:7"), inner);
  assert.equal(nodeByLocatorId(graph, "ab-cd:8"), null);
  assert.equal(nodeByLocatorId(graph, "no-such:7"), null);
  assert.equal(nodeByLocatorId({ nodes: [] }, "3"), null);
});

test("outputs of other nodes have no view", () => {
  assert.deepEqual([viewOf({ images: [] }), viewOf(undefined), viewOf({ p2p_viewer: [VIEW] })], [null, null, VIEW]);
});

test("both languages say the same things", () => {
  const placeholders = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  assert.deepEqual(Object.keys(MESSAGES.zh), Object.keys(MESSAGES.en));
  for (const [key, text] of Object.entries(MESSAGES.en))
    assert.deepEqual(placeholders(MESSAGES.zh[key]), placeholders(text), key);
});
