// The timeline's numbers: places, bins, labels, keys and zoom.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  LABELS,
  committed,
  keyed,
  labelled,
  pathsOf,
  scaleOf,
  zoomed,
} from "../../swingset_nb/static/explorer/ticks.js";

const timeline = (over = {}) => ({
  since: 0,
  until: 99,
  present: 99,
  columns: 100,
  lanes: [{ vat: "v1", name: "bank", hue: 0 }],
  bins: [],
  marks: [],
  more_marks: 0,
  commits: [],
  more_commits: 0,
  ...over,
});
const key = (name, altKey = false) => ({ key: name, altKey });

test("every crank is found again at the place where it is drawn", () => {
  for (const [since, until, width] of [
    [0, 99, 900],
    [0, 3, 400],
    [41_000, 99_999, 1200],
    [7, 7, 500],
  ]) {
    const scale = scaleOf({ since, until }, width);
    const step = Math.max(1, Math.floor((until - since) / 97));
    for (let crank = since; crank <= until; crank += step) assert.equal(scale.crank(scale.x(crank)), crank);
  }
});

test("a place beside the timeline is its first or last crank", () => {
  const scale = scaleOf({ since: 10, until: 20 }, 600);
  assert.equal(scale.crank(0), 10);
  assert.equal(scale.crank(5_000), 20);
});

test("bins of one lane and weight are one path, and errors another that comes last", () => {
  const bins = [
    [
      [0, 1, 0, 0, 0],
      [1, 1, 1, 1, 1],
      [2, 30, 2, 40, 0],
    ],
  ];
  const paths = pathsOf(timeline({ bins }), scaleOf(timeline(), 900));
  assert.deepEqual(
    paths.map(({ weight, error }) => [weight, error]),
    [
      [1, false],
      [3, false],
      [1, true],
    ],
  );
  assert.equal(paths[0].d.split("M").length - 1, 2);
});

test("100,000 cranks in 600 columns of 12 lanes stay a few paths", () => {
  const lane = Array.from({ length: 600 }, (_, column) => [column, 14, column * 166, column * 166 + 165, 0]);
  const bins = Array.from({ length: 12 }, () => lane);
  const big = timeline({ until: 99_999, present: 99_999, columns: 600, bins });
  assert.equal(pathsOf(big, scaleOf(big, 1000)).length, 12);
});

test("a commit is a notch behind its crank, and before the next one", () => {
  const some = timeline({ until: 9, present: 9, commits: [0, 3] });
  const scale = scaleOf(some, 900);
  const places = [...committed(some, scale, 40).matchAll(/M([0-9.]+) 36/g)].map((found) => Number(found[1]));
  assert.equal(places.length, 2);
  for (const [index, crank] of some.commits.entries())
    assert.ok(scale.x(crank) < places[index] && places[index] < scale.x(crank + 1));
});

test("labels do not overlap, and an error has its label before a crank that made a vat", () => {
  const marks = Array.from({ length: 40 }, (_, index) => ({
    crank: index * 2,
    kind: index === 7 ? "error" : "created",
    text: `vat ${index} was created`,
  }));
  const placed = labelled(marks, scaleOf(timeline(), 900), 2);
  assert.ok(placed[7].row >= 0);
  for (const row of [0, 1]) {
    const spans = placed
      .filter((each) => each.row === row)
      .map(({ x, left, text }) =>
        left ? [x - text.length * 6.3 - 10, x + 2] : [x - 2, x + text.length * 6.3 + 10],
      );
    spans.sort((a, b) => a[0] - b[0]);
    for (const [index, span] of spans.entries()) if (index) assert.ok(span[0] >= spans[index - 1][1]);
  }
});

test("a checkpoint leaves the errors that follow it room for their labels", () => {
  const error = (crank) => ({ crank, kind: "error", text: `rejected: ValueError of crank ${crank}` });
  const marks = [{ crank: 60, kind: "checkpoint", text: "checkpoint before-lunch" }, error(63), error(66)];
  const placed = labelled(marks, scaleOf(timeline({ until: 79, present: 79 }), 1170), 4);
  assert.ok(placed.every(({ row }) => row >= 0));
});

test("a text without room is cut shorter", () => {
  const marks = [0, 30].map((crank) => ({
    crank,
    kind: "error",
    text: `rejected by ${crank} ${"x".repeat(60)}`,
  }));
  const placed = labelled(marks, scaleOf(timeline(), 900), 1);
  assert.deepEqual(
    placed.map(({ row, text }) => [row, text.length]),
    [
      [0, 26],
      [0, 44],
    ],
  );
});

test("no line leads through a label", () => {
  const marks = Array.from({ length: 30 }, (_, index) => ({
    crank: index * 3,
    kind: "error",
    text: `rejected: ValueError: purse ${index} has not got so much`,
  }));
  const placed = labelled(marks, scaleOf(timeline(), 900), 3);
  const drawn = placed.filter(({ row }) => row >= 0);
  assert.ok(drawn.length >= 4, String(drawn.length));
  for (const { x, row, left, text } of drawn)
    for (const below of drawn.filter((each) => each.row > row)) {
      const [from, to] = left ? [x - text.length * 6.3, x] : [x, x + text.length * 6.3];
      assert.ok(below.x <= from || below.x >= to, `${below.text} through ${text}`);
    }
});

test("what is said already is not said again", () => {
  const marks = [5, 40, 80].map((crank) => ({ crank, kind: "error", text: "rejected: no" }));
  assert.deepEqual(
    labelled(marks, scaleOf(timeline(), 900), 2).map(({ row }) => row),
    [-1, -1, 0],
  );
});

test("a long text is cut, and a label that would leave the picture stands on the left", () => {
  const [mark] = labelled([{ crank: 98, kind: "error", text: "x".repeat(200) }], scaleOf(timeline(), 900), 1);
  assert.equal(mark.text.length, 44);
  assert.equal(mark.left, true);
});

test("keys move by one, by a tenth, to a mark, and to both ends", () => {
  const marks = [10, 50, 70].map((crank) => ({ crank, kind: "checkpoint", text: "" }));
  const it = timeline({ marks });
  const cases = [
    ["ArrowLeft", 50, 49],
    ["ArrowRight", 50, 51],
    ["ArrowDown", 50, 49],
    ["ArrowUp", 50, 51],
    ["ArrowLeft", 0, 0],
    ["ArrowRight", 99, 99],
    ["PageUp", 50, 60],
    ["PageDown", 50, 40],
    ["PageDown", 3, 0],
    ["Home", 50, 0],
    ["End", 50, 99],
    ["x", 50, undefined],
  ];
  for (const [name, at, to] of cases) assert.equal(keyed(key(name), at, it), to, `${name} at ${at}`);
  assert.equal(keyed(key("ArrowLeft", true), 60, it), 50);
  assert.equal(keyed(key("ArrowRight", true), 50, it), 70);
  assert.equal(keyed(key("ArrowRight", true), 80, it), 99);
  assert.equal(LABELS > 0, true);
});

test("a zoom keeps the crank under the hand where it is, stays in the past, and ends at all of it", () => {
  const it = timeline({ since: 0, until: 999, present: 999 });
  assert.deepEqual(zoomed(it, 500, 1 / 4), { since: 375, until: 624 });
  assert.deepEqual(zoomed(it, 0, 1 / 4), { since: 0, until: 249 });
  assert.deepEqual(zoomed(it, 999, 1 / 4), { since: 749, until: 998 });
  assert.deepEqual(zoomed(it, 500, 3), { since: null, until: null });
  assert.deepEqual(zoomed({ ...it, since: 990 }, 995, 0.01), { since: 980, until: 999 });
});
