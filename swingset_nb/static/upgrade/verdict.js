// What a rehearsal has found: its verdict, what the upgrade does, and the answers under both codes.
import { h } from "../dom.js";
import { lines, section } from "../frame.js";

/** The verdict of a rehearsal. @param {any} verdict @param {string} other */
export function verdictOf(verdict, other = "this cell") {
  return section(
    "Rehearsal",
    h("p", { class: verdict.ok ? "sw-good" : "sw-bad" }, `${verdict.ok ? "✓" : "✗"} ${verdict.words}`),
    verdict.lines.length ? lines(verdict.lines, "sw-lines") : null,
    verdict.sections.length
      ? h(
          "dl",
          { class: "sw-told" },
          ...verdict.sections.flatMap((/** @type {[string, string[]]} */ [heading, told]) => [
            h("dt", {}, heading),
            ...told.map((line) => h("dd", {}, line)),
          ]),
        )
      : null,
    verdict.answers.length ? answersOf(verdict.answers, other) : null,
  );
}

/** Old and new answers to recorded messages.
 * @param {[string, string, string, boolean][]} answers @param {string} other */
function answersOf(answers, other) {
  const head = h(
    "tr",
    {},
    ...["recorded message", "answer of the running code", `answer of ${other}`, ""].map((text) =>
      h("th", { scope: "col" }, text),
    ),
  );
  const body = answers.map(([call, old, now, same]) =>
    h(
      "tr",
      { class: same ? "" : "sw-differs" },
      h("td", {}, call),
      h("td", {}, old),
      h("td", {}, now),
      h("td", {}, same ? "same" : "≠ differs"),
    ),
  );
  return h(
    "div",
    {
      class: "sw-scroll",
      tabindex: "0",
      role: "region",
      "aria-label": "answers to recorded messages",
    },
    h("table", { class: "sw-answers" }, h("thead", {}, head), h("tbody", {}, ...body)),
  );
}
