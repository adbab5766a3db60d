/** What is looked at: focused = hovered ?? locked. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING, focused, hoverLock } from "../../web/viewer/lock.js";

function after(...actions) {
  return actions.reduce(hoverLock, NOTHING);
}
const hover = (key) => ({ type: "hover", key });
const toggle = (key) => ({ type: "toggle", key });
const leave = { type: "leave" };
const clear = { type: "clear" };

test("nothing is looked at first", () => assert.equal(focused(NOTHING), null));

test("what is pointed at is looked at, and no longer when the pointer leaves", () => {
  assert.equal(focused(after(hover(3))), 3);
  assert.equal(focused(after(hover(3), leave)), null);
});

test("the first column is as good as any", () => {
  assert.equal(focused(after(toggle(0))), 0);
  assert.equal(focused(after(toggle(5), hover(0))), 0);
});

test("a click keeps it after the pointer has left", () => {
  assert.equal(focused(after(hover(3), toggle(3), leave)), 3);
});

test("another that is pointed at comes first, and what is locked comes back", () => {
  assert.equal(focused(after(hover(3), toggle(3), leave, hover(5))), 5);
  assert.equal(focused(after(hover(3), toggle(3), leave, hover(5), leave)), 3);
});

test("a click on what is locked lets it go, but it is still pointed at", () => {
  assert.equal(focused(after(hover(3), toggle(3), toggle(3))), 3);
  assert.equal(focused(after(hover(3), toggle(3), toggle(3), leave)), null);
});

test("a click on another moves the lock", () => {
  assert.equal(focused(after(hover(3), toggle(3), leave, hover(5), toggle(5), leave)), 5);
});

test("Esc lets go of everything", () => {
  assert.equal(focused(after(hover(3), toggle(3), clear)), null);
  assert.equal(focused(after(hover(3), toggle(3), leave, clear)), null);
});

test("lock sets what is looked at without a pointer", () => {
  assert.equal(focused(after(hover(3), { type: "lock", key: 4 })), 4);
  assert.equal(focused(after({ type: "lock", key: 4 }, { type: "lock", key: 4 })), 4);
});

test("a state is never changed, and the same object where nothing changes", () => {
  const locked = Object.freeze(after(toggle(3)));
  assert.notEqual(hoverLock(locked, hover(5)), locked);
  assert.deepEqual(locked, { hovered: null, locked: 3 });
  assert.equal(hoverLock(locked, leave), locked);
  assert.equal(hoverLock(NOTHING, clear), NOTHING);
  const hovered = after(hover(5));
  assert.equal(hoverLock(hovered, hover(5)), hovered);
});

test("an unknown action is a mistake", () => assert.throws(() => hoverLock(NOTHING, { type: "fly" }), /"fly"/));
