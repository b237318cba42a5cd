// Below the world: the story of the crank that is shown, or what vats have said, or what they cost.
/** @import { Send, Tick, Watched } from "./types.d.ts" */
import { h } from "../dom.js";
import { storyOf } from "./story.js";

const VIEWS = /** @type {const} */ ([
  ["", "Story"],
  ["console", "Console"],
  ["costs", "Costs"],
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

const HEADS = {
  console: ["level", "vat", "in", "during", "text"],
  costs: ["vat", "method", "deliveries", "computrons", "median", "worst", "share"],
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
  const rows = watched.view === "console" ? saidOf(watched.rows, send) : costOf(watched.rows, send);
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
