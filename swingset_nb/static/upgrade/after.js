// What the buttons have done: a fix in the cell, and the steps of an upgrade one after the other.
import { coded, fill, h } from "../dom.js";
import { lines, section } from "../frame.js";

/** A button of the body. @param {string} key @param {string} text @param {() => void} press @param {string} cls */
export const button = (key, text, press, cls) =>
  h("button", { type: "button", "data-key": key, class: cls, onclick: press }, text);

/** The text of a fixed cell, and a button that copies it. @param {any} fixed */
export function fixedOf(fixed) {
  const text = fixed.cell.map((/** @type {string} */ line) => line.slice(1)).join("\n");
  const code = h("pre", { class: "sw-cell", tabindex: "0", "aria-label": "text of the cell" }, text);
  const said = h("span", { class: "sw-state", role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "copied: paste it over the cell";
    } catch {
      getSelection()?.selectAllChildren(code);
      said.textContent = "selected: copy it over the cell";
    }
  };
  return section(
    "Fixed",
    h(
      "p",
      { class: "sw-fixed" },
      `✎ ${fixed.title}. The change that waits has it; the cell in the notebook has it when you copy it there.`,
    ),
    h("details", {}, h("summary", {}, "The text of the cell"), code),
    button("copy", "Copy the cell", copy, "sw-copy"),
    said,
  );
}

/** The steps of an upgrade, shown one after the other. @param {any} done @param {{ seen: number, words: string }} at */
export function doneOf(done, at) {
  if (at.words !== done.words) Object.assign(at, { words: done.words, seen: 1 });
  const list = h("ol", { class: "sw-steps" });
  const next = button("next", "Next step", () => show(at.seen + 1), "sw-next");
  const all = button("all", "All steps", () => show(done.steps.length), "sw-all");
  const show = (/** @type {number} */ seen) => {
    at.seen = seen;
    fill(
      list,
      ...done.steps
        .slice(0, seen)
        .map((/** @type {any} */ step, /** @type {number} */ place) =>
          h(
            "li",
            { "aria-current": place === seen - 1 ? "step" : null },
            h("b", {}, step.title),
            lines(step.lines, "sw-lines"),
          ),
        ),
    );
    next.hidden = all.hidden = seen >= done.steps.length;
  };
  show(at.seen);
  return section(
    "What happened",
    h("p", { class: "sw-good" }, `✓ ${done.words}`),
    lines(done.lines, "sw-happened"),
    ...done.hints.map((/** @type {string} */ hint) => h("p", { class: "sw-note" }, "→ ", ...coded(hint))),
    done.steps.length ? section("Step by step", list, h("div", { class: "sw-bar" }, next, all)) : null,
  );
}
