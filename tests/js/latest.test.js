// Of several looks while the kernel is busy, only the latest is asked next.
import assert from "node:assert/strict";
import { test } from "node:test";
import { latest } from "../../swingset_nb/static/explorer/latest.js";

test("the first is sent at once, and only the latest of those that wait", () => {
  /** @type {object[]} */
  const sent = [];
  const looks = latest((message) => sent.push(message));
  for (const crank of [1, 2, 3, 4]) looks.ask({ crank });
  assert.deepEqual(sent, [{ crank: 1 }]);
  assert.equal(looks.answered(), true);
  assert.deepEqual(sent, [{ crank: 1 }, { crank: 4 }]);
  assert.equal(looks.waits, true);
  assert.equal(looks.answered(), false);
  assert.equal(looks.waits, false);
  looks.ask({ crank: 9 });
  assert.deepEqual(sent.at(-1), { crank: 9 });
});

test("an answer that nobody asked for asks nothing", () => {
  const looks = latest(() => assert.fail("nothing was wanted"));
  assert.equal(looks.answered(), false);
});
