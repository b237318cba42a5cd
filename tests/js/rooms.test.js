// Where rooms stand and how arrows run.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  HEAD,
  LINE,
  arrange,
  curve,
  ordered,
  rowY,
  split,
  tallness,
  thickness,
} from "../../swingset_nb/static/explorer/rooms.js";

const rows = (count) =>
  Array.from({ length: count }, (_, index) => ({ id: `r${index}`, krefs: [`ko${index}`], count: 1 }));
const box = (id, kind = "vat", count = 3, more = 0) => ({ id, name: id, kind, rows: rows(count), more });
const arrow = (holder, owner) => ({ holder, owner, holder_row: null, row: "r0", count: 1, waits: false });
const world = (count) => [
  box("notebook", "session"),
  ...Array.from({ length: count }, (_, index) => box(`v${index}`, "vat", 1 + (index % 5))),
];

test("from 1 to 12 vats, no room covers another, and all are within the width", () => {
  for (let count = 1; count <= 12; count++)
    for (const width of [320, 520, 780, 1100]) {
      const boxes = world(count);
      const { places, height } = arrange(boxes, [arrow("notebook", "v0")], width);
      assert.equal(places.size, boxes.length);
      const all = [...places.values()];
      for (const one of all) {
        assert.ok(
          one.x >= 0 && one.x + one.width <= width + 0.5 && one.y + one.height <= height,
          `${count} vats, ${width} wide`,
        );
        for (const other of all)
          assert.ok(
            one === other ||
              one.x + one.width <= other.x ||
              other.x + other.width <= one.x ||
              one.y + one.height <= other.y ||
              other.y + other.height <= one.y,
          );
      }
    }
});

test("the same world is arranged in the same way, and the notebook stands alone on the left", () => {
  const boxes = world(5);
  const arrows = [arrow("v0", "v4"), arrow("notebook", "v0")];
  assert.deepEqual([...arrange(boxes, arrows, 900).places], [...arrange(boxes, arrows, 900).places]);
  const { places } = arrange(boxes, arrows, 900);
  assert.deepEqual(
    [...places].filter(([, place]) => place.column === 0).map(([id]) => id),
    ["notebook"],
  );
});

test("rooms come in the order of who holds whom, and then of age", () => {
  const order = ordered(
    [box("v1"), box("v2"), box("v3"), box("notebook", "session")],
    [arrow("notebook", "v3"), arrow("v3", "v1")],
  );
  assert.deepEqual(
    order.map(({ id }) => id),
    ["notebook", "v3", "v1", "v2"],
  );
});

test("columns are about equally tall", () => {
  assert.deepEqual(split([100, 100, 100, 100], 2), [2, 2]);
  assert.deepEqual(split([400, 100, 100, 100], 2), [1, 3]);
  assert.deepEqual(split([50], 1), [1]);
  assert.equal(
    split([10, 20, 30, 40, 50, 60, 70], 3).reduce((sum, count) => sum + count),
    7,
  );
});

test("no vat is no room", () => {
  assert.equal(arrange([], [], 800).places.size, 0);
});

test("an arrow ends at its row, and at the head for a row that is folded away", () => {
  const it = box("v0", "vat", 3, 5);
  const place = { x: 0, y: 100, width: 200, height: tallness(it), column: 1 };
  assert.equal(rowY(it, place, "r1"), 100 + HEAD + LINE * 1.5);
  assert.equal(rowY(it, place, "gone"), 118);
  assert.equal(rowY(it, place, null), 118);
});

test("arrows leave at the side that faces the other room", () => {
  const place = (column, x) => ({ x, y: 0, width: 100, height: 100, column });
  assert.deepEqual(Object.values(curve(place(0, 0), 10, place(1, 300), 20)).slice(0, 4), [100, 10, 298, 20]);
  assert.deepEqual(Object.values(curve(place(1, 300), 10, place(0, 0), 20)).slice(0, 4), [300, 10, 102, 20]);
  assert.deepEqual(
    Object.values(curve(place(1, 300), 10, place(1, 300), 90)).slice(0, 4),
    [400, 10, 400, 90],
  );
});

test("a thicker arrow stands for more, and none is thicker than a row allows", () => {
  const widths = [0, 1, 2, 5, 20, 1_000, 10_000_000].map(thickness);
  assert.deepEqual(
    widths,
    [...widths].sort((a, b) => a - b),
  );
  assert.ok(widths.at(-1) <= 7);
});
