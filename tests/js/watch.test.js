// Meters below each other are indented below each other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { indented } from "../../swingset_nb/static/explorer/watch.js";

test("a meter stands below its superior, and what has none at the edge", () => {
  const row = (name, above = null) => ({ name, above });
  const rows = [row("ann"), row("m1"), row("m2", "m1"), row("m3", "m2"), row("m4", "m1"), row("m5", "gone")];
  assert.deepEqual(indented(rows), ["ann", "m1", "└ m2", "└ └ m3", "└ m4", "└ m5"]);
});
