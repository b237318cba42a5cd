// What has changed, applied: the forms, and that a model with several views takes each patch once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { followed, merged } from "../../swingset_nb/static/deltas.js";

const CASES = [
  [{ a: 1 }, ["="], { a: 1 }],
  [{ a: 1 }, ["v", [2]], [2]],
  [{ a: 1, b: 2 }, ["k", { a: ["v", 3], c: ["v", null] }, ["b"]], { a: 3, c: null }],
  [
    [1, 2, 3],
    ["l", 1, 1, [7, 8], {}],
    [1, 7, 8, 3],
  ],
  [
    [[1], [2]],
    ["l", 2, 0, [], { 1: ["l", 1, 0, [9], {}] }],
    [[1], [2, 9]],
  ],
];

test("each form of a change makes the new data, and leaves the old as it is", () => {
  for (const [old, change, wanted] of CASES) {
    const before = structuredClone(old);
    assert.deepEqual(merged(old, change), wanted);
    assert.deepEqual(old, before);
  }
});

test("a patch changes the regions that it names, once", () => {
  const state = { world: { rows: [1] }, tick: 1, patch: {} };
  const acts = new Set();
  const stop = followed({
    get: (name) => state[name],
    set: (name, value) => (state[name] = value),
    on: (_event, act) => acts.add(act),
    off: (_event, act) => acts.delete(act),
  });
  state.patch = { number: 1, regions: { world: ["k", { rows: ["l", 1, 0, [2], {}] }, []] } };
  for (const act of acts) act();
  assert.deepEqual([state.world, state.tick], [{ rows: [1, 2] }, 1]);
  stop();
  assert.equal(acts.size, 0);
});
