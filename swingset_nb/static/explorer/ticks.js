// The timeline in numbers: where a crank is, which crank is at a place, and what a key does. Nothing is drawn here.
/** @import { Mark, Timeline } from "./types.d.ts" */

export const LANE = 17;
export const TOP = 8;
export const LABELS = 96;
const LETTER = 6.3;
const LENGTHS = [44, 26];

/** How the cranks of a timeline lie on a line of some width.
 * @param {{ since: number, until: number }} timeline @param {number} width */
export function scaleOf({ since, until }, width) {
  const plot = Math.max(60, width - LABELS - 10);
  const span = Math.max(1, until - since + 1);
  const one = plot / span;
  return {
    plot,
    span,
    one,
    /** The middle of a crank. @param {number} crank */
    x: (crank) => LABELS + Math.min(plot, Math.max(0, (crank - since + 0.5) * one)),
    /** The crank at a place. @param {number} x */
    crank: (x) => Math.min(until, Math.max(since, since + Math.floor((x - LABELS) / one))),
  };
}

/** The bins of each lane as paths, by how much lies in them; errors have a path of their own.
 * @param {Timeline} timeline @param {ReturnType<typeof scaleOf>} scale */
export function pathsOf(timeline, scale) {
  const column = scale.plot / timeline.columns;
  const width = Math.max(1.4, Math.min(7, 0.62 * Math.max(scale.one, column)));
  /** @type {{ lane: number, weight: number, error: boolean, d: string }[]} */
  const paths = [];
  /** @type {Map<string, string[]>} */
  const parts = new Map();
  const all = timeline.bins.flatMap((bins, lane) => bins.map((bin) => /** @type {const} */ ([lane, bin])));
  for (const [lane, [, cranks, first, last, errors]] of all) {
    const weight = cranks <= 1 ? 1 : cranks < 8 ? 2 : 3;
    const x = ((scale.x(first) + scale.x(last)) / 2 - width / 2).toFixed(1);
    const y = TOP + lane * LANE;
    const add = (/** @type {string} */ key, /** @type {number} */ from, /** @type {number} */ tall) => {
      const list = parts.get(key) ?? [];
      parts.set(key, list);
      list.push(`M${x} ${from}h${width.toFixed(1)}v${tall}h-${width.toFixed(1)}z`);
    };
    add(`${lane}/${weight}/`, y + 2, LANE - 5);
    if (errors) add(`${lane}/${weight}/error`, y - 1, LANE + 1);
  }
  for (const [key, list] of parts) {
    const [lane, weight, error] = key.split("/");
    paths.push({
      lane: Number(lane),
      weight: Number(weight),
      error: error === "error",
      d: list.join(""),
    });
  }
  return paths.sort((a, b) => Number(a.error) - Number(b.error));
}

/** The commits as notches below the lanes, each behind its crank.
 * @param {Timeline} timeline @param {ReturnType<typeof scaleOf>} scale @param {number} low */
export const committed = (timeline, scale, low) =>
  timeline.commits
    .map((crank) => `M${(scale.x(crank) + Math.min(4, scale.one / 2)).toFixed(1)} ${low - 4}v4`)
    .join("");

/** Marks with the row of their label, or -1 for those without room for one. Loud ones choose first.
 * The line that leads down to a label crosses no other label, so it takes room in the rows above.
 * @param {Mark[]} marks @param {ReturnType<typeof scaleOf>} scale @param {number} rows */
export function labelled(marks, scale, rows) {
  const right = LABELS + scale.plot;
  const loud = ["checkpoint", "upgraded", "error", "terminated", "suspended"];
  /** @type {[number, number][][]} */
  const taken = Array.from({ length: rows }, () => []);
  const placed = marks.map((mark) => ({
    mark,
    x: scale.x(mark.crank),
    row: -1,
    left: false,
    text: cut(mark.text, LENGTHS[0]),
  }));
  /** @type {Set<string>} */
  const said = new Set(); // the same again is a mark without words
  const free = (/** @type {number} */ row, /** @type {number} */ from, /** @type {number} */ to) =>
    taken[row].every(([start, end]) => to <= start || from >= end);
  const waits = (/** @type {(typeof placed)[number]} */ it) =>
    it.row < 0 && loud.includes(it.mark.kind) && !said.has(it.mark.text);
  /** Take the first row with room; if it `spares`, no label in which the lines of others would end.
   * @param {(typeof placed)[number]} it @param {string} text @param {boolean} left @param {boolean} spares */
  const place = (it, text, left, spares) => {
    const wide = text.length * LETTER + 10;
    const [from, to] = left ? [it.x - wide, it.x + 2] : [it.x - 2, it.x + wide];
    if (spares && placed.some((other) => other !== it && waits(other) && from < other.x && other.x < to))
      return false;
    const row = taken.findIndex((_, at) => free(at, from, to));
    const above = taken.slice(0, row);
    if (row < 0 || from < 0 || (!left && to > right)) return false;
    if (!above.every((_, at) => free(at, it.x - 2, it.x + 2))) return false;
    for (const each of above) each.push([it.x - 2, it.x + 2]);
    taken[row].push([from, to]);
    Object.assign(it, { row, left, text });
    return true;
  };
  const ranks = [...loud, ""].map((kind) =>
    placed.filter(({ mark }) => (loud.includes(mark.kind) ? mark.kind : "") === kind),
  );
  // Labels on the right of their lines step down to the left, those on the left step down to the right.
  for (const rank of ranks)
    for (const spares of [true, false])
      for (const most of LENGTHS)
        for (const left of [false, true])
          for (const it of left ? rank : [...rank].reverse())
            if (it.row < 0 && !said.has(it.mark.text) && place(it, cut(it.mark.text, most), left, spares))
              said.add(it.mark.text);
  return placed;
}

/** @param {string} text @param {number} most */
const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** The crank that a key leads to; undefined for another key. Past the end is the present.
 * @param {{ key: string, altKey: boolean }} event @param {number} at @param {Timeline} timeline */
export function keyed({ key, altKey }, at, timeline) {
  const page = Math.max(1, Math.round((timeline.until - timeline.since) / 10));
  const within = (/** @type {number} */ crank) => Math.max(0, Math.min(timeline.present, crank));
  const marked = timeline.marks.map((mark) => mark.crank);
  switch (key) {
    case "ArrowLeft":
    case "ArrowDown":
      return altKey ? (marked.filter((crank) => crank < at).pop() ?? within(0)) : within(at - 1);
    case "ArrowRight":
    case "ArrowUp":
      return altKey ? (marked.find((crank) => crank > at) ?? timeline.present) : within(at + 1);
    case "PageDown":
      return within(at - page);
    case "PageUp":
      return within(at + page);
    case "Home":
      return 0;
    case "End":
      return timeline.present;
    default:
      return undefined;
  }
}

/** The part of the past that is seen after a zoom about a crank; null for all of it.
 * @param {Timeline} timeline @param {number} about @param {number} factor above 1 shows more */
export function zoomed(timeline, about, factor) {
  const span = timeline.until - timeline.since + 1;
  const wanted = Math.max(20, Math.round(span * factor));
  if (wanted >= timeline.present + 1) return { since: null, until: null };
  const share = Math.min(1, Math.max(0, (about - timeline.since) / span));
  const since = Math.max(0, Math.min(timeline.present + 1 - wanted, Math.round(about - share * wanted)));
  return { since, until: since + wanted - 1 };
}
