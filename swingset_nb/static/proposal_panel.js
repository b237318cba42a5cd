// The page of a proposal: what is read of it, what it would do on request, and the votes. Words say what colours do.
/** @import { AnyModel } from "@anywidget/types" */
import { h } from "./dom.js";
import { frame, lines, section } from "./frame.js";
import { button } from "./upgrade/after.js";
import { difference } from "./upgrade/difference.js";
import { verdictOf } from "./upgrade/verdict.js";

const OTHER = "the proposal";

/** The modules as a picture and a table. @param {any} view */
const modulesOf = (view) =>
  section(
    "Modules",
    h("img", { class: "sw-graph", ...view.picture }),
    h(
      "div",
      { class: "sw-scroll", tabindex: "0", role: "region", "aria-label": "modules" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h("tr", {}, ...view.columns.map((/** @type {string} */ name) => h("th", { scope: "col" }, name))),
        ),
        h(
          "tbody",
          {},
          ...view.modules.map((/** @type {string[]} */ row) =>
            h("tr", {}, ...row.map((cell) => h("td", {}, cell))),
          ),
        ),
      ),
    ),
    h("p", {}, more(view.more_modules, "modules"), view.leads),
  );

/** @param {number} count @param {string} what */
const more = (count, what) => (count ? `and ${count} more ${what}; ` : "");

/** What was tried, and how far it is. @param {any} tried @param {(message: object) => void} send */
const triedOf = (tried, send) => [
  section(
    "Tried",
    h("p", {}, tried.words),
    tried.note ? h("p", { class: "sw-note" }, tried.note) : null,
    tried.going ? h("progress", { max: "1", value: tried.share, "aria-label": "tried" }) : null,
    tried.going ? button("stop", "Stop", () => send({ kind: "stop" }), "sw-stop") : null,
  ),
  verdictOf(tried.verdict, OTHER),
];

/** @param {AnyModel} model @param {HTMLElement} el */
export function proposal(model, el) {
  let asked = 0;
  return frame(
    model,
    el,
    "proposal",
    [["try", "Rehearse", "Do what it proposes in a fork of the world, which is thrown away"]],
    (view, send, bar) => {
      const { tried } = view;
      bar.try.disabled = !view.triable || Boolean(tried.going);
      // Each message of the page does a part of it, so that Stop is heard between two.
      if (!tried.going) asked = 0;
      else if (asked !== tried.share) {
        asked = tried.share;
        setTimeout(() => send({ kind: "more" }), 0);
      }
      return [
        h("p", { class: "sw-where" }, h("b", {}, view.words), " · ", h("code", {}, view.line)),
        lines(view.lines, "sw-lines"),
        section(
          "Votes",
          ...view.ballots.map((/** @type {any} */ { vat, said }) =>
            h(
              "p",
              {},
              `vat ${vat} says `,
              ...said.map((/** @type {string[]} */ [name, words]) => `${name}: ${words} `),
            ),
          ),
          view.ballots.length ? null : h("p", {}, "no vat counts votes on it"),
          view.more_ballots ? h("p", {}, more(view.more_ballots, "votes")) : null,
        ),
        ...(tried.words ? triedOf(tried, send) : []),
        modulesOf(view),
        section(
          "What is easily overlooked",
          view.findings.length
            ? lines(view.findings, "sw-lines")
            : h("p", {}, "reading it found nothing of that"),
        ),
        ...view.differences.map((/** @type {any} */ each) =>
          section(each.title, difference(each, OTHER, `session.proposals.judge(${view.number})`)),
        ),
        view.more_differences ? h("p", {}, more(view.more_differences, "differences")) : null,
      ];
    },
  );
}
