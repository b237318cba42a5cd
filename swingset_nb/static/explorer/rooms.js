// Where the rooms of the world stand, and how arrows run between them. Nothing is drawn here.
// The same world is arranged in the same way each time: by who holds whom from the notebook on, then by age.
/** @import { Arrow, Box, Place } from "./types.d.ts" */

export const HEAD = 44;
export const LINE = 24;
const FOOT = 8;
const GAP = 18;
const EDGE = 14;
const NARROWEST = 190;
const WIDEST = 400;
const BETWEEN = 60;
const AROUND = 16;

/** How tall a room is. @param {Box} box */
export const tallness = (box) => HEAD + box.rows.length * LINE + FOOT;

/** The rooms in their order: sessions first, then those that they hold, and so on.
 * @param {Box[]} boxes @param {Arrow[]} arrows */
export function ordered(boxes, arrows) {
  const rank = new Map(boxes.filter((box) => box.kind === "session").map((box) => [box.id, 0]));
  const first = boxes[0];
  if (!rank.size && first) rank.set(first.id, 0);
  for (let step = 0; step < boxes.length; step++)
    for (const { holder, owner } of arrows) {
      const from = rank.get(holder);
      if (from === step && !rank.has(owner)) rank.set(owner, step + 1);
    }
  const last = boxes.length;
  const place = new Map(boxes.map((box, index) => [box.id, index]));
  const of = (/** @type {Box} */ box) => [rank.get(box.id) ?? last, place.get(box.id) ?? 0];
  return [...boxes].sort((a, b) => {
    const [one = 0, other = 0] = [of(a)[0], of(b)[0]];
    return one - other || (of(a)[1] ?? 0) - (of(b)[1] ?? 0);
  });
}

/** How many rooms each column takes, so that the tallest column is as short as can be.
 * @param {number[]} heights @param {number} columns */
export function split(heights, columns) {
  const count = heights.length;
  /** @type {number[]} */
  const sums = [0];
  for (const height of heights) sums.push((sums[sums.length - 1] ?? 0) + height + GAP);
  const between = (/** @type {number} */ from, /** @type {number} */ to) =>
    (sums[to] ?? 0) - (sums[from] ?? 0);
  /** @type {{ worst: number, cuts: number[] }[]} */
  let best = Array.from({ length: count + 1 }, (_, to) => ({
    worst: between(0, to),
    cuts: [],
  }));
  for (let column = 1; column < columns; column++) {
    best = best.map((_, to) => {
      let found = { worst: Infinity, cuts: /** @type {number[]} */ ([]) };
      for (let from = 0; from <= to; from++) {
        const before = best[from];
        if (!before) continue;
        const worst = Math.max(before.worst, between(from, to));
        if (worst < found.worst) found = { worst, cuts: [...before.cuts, from] };
      }
      return found;
    });
  }
  const cuts = [0, ...(best[count]?.cuts ?? []), count];
  return cuts.slice(1).map((cut, index) => cut - (cuts[index] ?? 0));
}

/** The place of each room, and how much room all take.
 * @param {Box[]} boxes @param {Arrow[]} arrows @param {number} whole the width that there is */
export function arrange(boxes, arrows, whole) {
  const width = whole - AROUND; // arrows between rooms of the last column run around on the right
  const list = ordered(boxes, arrows);
  const most = Math.max(1, Math.min(3, Math.floor((width - 2 * EDGE + BETWEEN) / (NARROWEST + BETWEEN))));
  const columns = Math.min(most, list.length || 1);
  // The notebook holds most of what there is: where there is room, it has a column of its own.
  const alone = columns > 1 && list.filter((box) => box.kind === "session").length === 1 ? 1 : 0;
  const rest = list.slice(alone);
  const counts = split(rest.map(tallness), columns - alone).filter((count) => count > 0);
  if (alone) counts.unshift(1);
  const used = Math.max(1, counts.length);
  const between = used === 1 ? 0 : BETWEEN;
  // Names are short, so the notebook's column is narrower.
  const shares = counts.map((_, column) => (alone && column === 0 ? 0.72 : 1));
  const sum = shares.reduce((total, share) => total + share, 0);
  const wide = Math.min(WIDEST, (width - 2 * EDGE - between * (used - 1)) / sum);
  const slack = used === 1 ? 0 : (width - 2 * EDGE - wide * sum) / (used - 1);
  /** @type {Map<string, Place>} */
  const places = new Map();
  let [taken, height, x] = [0, 0, EDGE];
  for (const [column, count] of counts.entries()) {
    let y = EDGE;
    const own = wide * shares[column];
    for (const box of list.slice(taken, taken + count)) {
      const tall = tallness(box);
      places.set(box.id, {
        x,
        y,
        width: own,
        height: tall,
        column,
      });
      y += tall + GAP;
    }
    height = Math.max(height, y - GAP + EDGE);
    taken += count;
    x += own + slack;
  }
  return { places, height: Math.max(height, 120) };
}

/** How much of its way to a row the line of an arrow leaves to its head: a thick line has a large one.
 * @param {number} thick */
export const headOf = (thick) =>
  thick > 4 ? { name: "-large", size: 15, gap: 12 } : { name: "", size: 9, gap: 2 };

/** How thick an arrow is. @param {number} count */
export const thickness = (count) => Math.min(7, 1.2 + 0.9 * Math.log2(Math.max(1, count)));

/** The curve from one place to another, and its ends. Between rooms of one column it goes around on the right.
 * @param {Place} from @param {number} fromY @param {Place} to @param {number} toY @param {number} gap */
export function curve(from, fromY, to, toY, gap = 2) {
  const round = (/** @type {number} */ value) => Math.round(value * 10) / 10;
  if (from.column === to.column) {
    const [x, end, out] = [
      from.x + from.width,
      to.x + to.width,
      14 + Math.min(20, Math.abs(toY - fromY) / 12),
    ];
    return {
      x: round(x),
      y: fromY,
      endX: round(end),
      endY: toY,
      d: `M${round(x)} ${fromY}C${round(x + out)} ${fromY} ${round(end + out)} ${toY} ${round(end + gap)} ${toY}`,
    };
  }
  const right = from.column < to.column;
  const x = right ? from.x + from.width : from.x;
  const end = right ? to.x - gap : to.x + to.width + gap;
  const pull = (right ? 1 : -1) * Math.max(30, Math.abs(end - x) / 2);
  return {
    x: round(x),
    y: fromY,
    endX: round(end),
    endY: toY,
    d: `M${round(x)} ${fromY}C${round(x + pull)} ${fromY} ${round(end - pull)} ${toY} ${round(end)} ${toY}`,
  };
}

/** The height of a row in its room; of the room's head, if the row is not shown.
 * @param {Box} box @param {Place} place @param {string | null} row */
export function rowY(box, place, row) {
  const index = row === null ? -1 : box.rows.findIndex((each) => each.id === row);
  return place.y + (index < 0 ? 18 : HEAD + index * LINE + LINE / 2);
}
