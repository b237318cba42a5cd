// Below the world: the story of the crank that is shown, what vats have said or cost, or who can still pay.
/** @import { Send, Tick, Watched } from "./types.d.ts" */
import { h } from "../dom.js";
import { storyOf } from "./story.js";

const VIEWS = /** @type {const} */ ([
  ["", "Story"],
  ["console", "Console"],
  ["costs", "Costs"],
  ["market", "Market"],
  ["proposals", "Proposals"],
]);

/** @param {number | null} value */
const number = (value) => (value === null ? "-" : value.toLocaleString("en"));

/** A link to a crank. @param {number | null} crank @param {string} text @param {Send} send */
const crankOf = (crank, text, send) =>
  crank === null
    ? text
    : h(
        "button",
        {
          class: "sw-link",
          "data-key": `watched-${crank}`,
          onclick: () => send({ kind: "look", crank }),
        },
        text,
      );

/** What vats said, the worst first. @param {any[]} rows @param {Send} send */
const saidOf = (rows, send) =>
  rows.map(({ level, vat, crank, during, text }) =>
    h(
      "tr",
      { class: `sw-level-${level}` },
      h("td", {}, level),
      h("td", {}, vat),
      h("td", {}, crankOf(crank, `crank ${number(crank)}`, send)),
      h("td", {}, during),
      h("td", {}, text),
    ),
  );

/** What methods cost, the dearest first. @param {any[]} rows @param {Send} send */
const costOf = (rows, send) =>
  rows.map((row) =>
    h(
      "tr",
      {},
      h("td", {}, row.vat),
      h("td", {}, row.method),
      h("td", { class: "sw-number" }, number(row.deliveries)),
      h("td", { class: "sw-number" }, row.measured ? number(row.total) : "-"),
      h("td", { class: "sw-number" }, row.measured ? number(row.median) : "-"),
      h("td", { class: "sw-number" }, row.measured ? crankOf(row.worst_crank, number(row.worst), send) : "-"),
      h(
        "td",
        { class: "sw-share", title: `${row.share / 10} %` },
        h("i", { style: `width: ${Math.min(100, row.share / 10)}%` }),
      ),
    ),
  );

/** The names of accounts and meters, each meter indented below its superior. @param {any[]} rows */
export const indented = (rows) => {
  /** @type {Map<string, number>} */
  const depths = new Map();
  return rows.map(({ name, above }) => {
    const depth = above === null ? 0 : (depths.get(above) ?? 0) + 1;
    depths.set(name, depth);
    return `${"└ ".repeat(depth)}${name}`;
  });
};

/** Accounts and meters, and how long they last. @param {any[]} rows */
const fundsOf = (rows) => {
  const names = indented(rows);
  return rows.map((row, at) =>
    h(
      "tr",
      {},
      h("td", {}, row.kind),
      h("td", {}, names[at]),
      h("td", { class: "sw-number" }, row.left === null ? "without limit" : number(row.left)),
      h("td", { class: "sw-number" }, number(row.held)),
      h("td", { class: "sw-number" }, number(row.rate)),
      h("td", { class: "sw-number" }, row.lasts === null ? "-" : `${number(row.lasts)} cranks`),
      h("td", {}, row.pays_for.join(", ") || "-"),
    ),
  );
};

/** Proposals, the open ones first; a click opens the page of one. @param {any[]} rows @param {Send} send */
const proposedOf = (rows, send) =>
  rows.map(({ number: proposal, target, what, note, votes, is_open }) =>
    h(
      "tr",
      {},
      h(
        "td",
        {},
        h(
          "button",
          {
            class: "sw-link",
            title: `%swingset proposal ${proposal}`,
            "data-key": `proposal-${proposal}`,
            onclick: () => send({ kind: "proposal", number: proposal }),
          },
          `proposal ${proposal}`,
        ),
      ),
      ...[target, what, note, votes, is_open ? "open" : "decided"].map((text) => h("td", {}, text)),
    ),
  );

/** The rows of a view. @param {Exclude<Watched["view"], "">} view @param {any[]} rows @param {Send} send */
const rowsOf = (view, rows, send) => {
  if (view === "console") return saidOf(rows, send);
  if (view === "proposals") return proposedOf(rows, send);
  return view === "costs" ? costOf(rows, send) : fundsOf(rows);
};

const HEADS = {
  console: ["level", "vat", "in", "during", "text"],
  costs: ["vat", "method", "deliveries", "computrons", "median", "worst", "share"],
  market: ["", "name", "left", "held", "per 1,000 cranks", "lasts", "pays for"],
  proposals: ["", "vat", "what", "why", "votes", "is"],
};

/** @param {Watched} watched @param {Tick | null} tick @param {Send} send */
export function belowOf(watched, tick, send) {
  const tabs = VIEWS.map(([view, name]) =>
    h(
      "button",
      {
        class: "sw-small",
        "aria-pressed": String(view === watched.view),
        "data-key": `watch-${view}`,
        onclick: () => send({ kind: "watch", view }),
      },
      name,
    ),
  );
  const bar = h(
    "div",
    { class: "sw-watch", role: "group", "aria-label": "what is shown below" },
    ...tabs,
    watched.headline ? h("span", { class: "sw-note" }, watched.headline) : null,
  );
  if (watched.view === "") return [bar, tick ? storyOf(tick, send) : null];
  const rows = rowsOf(watched.view, watched.rows, send);
  const head = HEADS[watched.view].map((name) => h("th", { scope: "col" }, name));
  const table = h(
    "table",
    { "aria-label": watched.view },
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...rows),
  );
  return [
    bar,
    rows.length
      ? h(
          "div",
          { class: "sw-scroll sw-watched", tabindex: 0, role: "region", "aria-label": watched.view },
          table,
        )
      : null,
  ];
}
