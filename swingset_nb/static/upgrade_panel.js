// The upgrade panel: difference, rehearsal, fixes, Apply step by step, Undo. Signs and words say what colours do.
/** @import { AnyModel } from "@anywidget/types" */
import { h } from "./dom.js";
import { frame, lines, section } from "./frame.js";
import { button, doneOf, fixedOf } from "./upgrade/after.js";
import { difference } from "./upgrade/difference.js";
import { verdictOf } from "./upgrade/verdict.js";

/** @param {AnyModel} model @param {HTMLElement} el */
export function upgrade(model, el) {
  const at = { seen: 1, words: "" };
  let asked = "";
  return frame(
    model,
    el,
    "upgrade",
    [
      ["rehearse", "Rehearse", "Try the upgrade on a fork of the world, which is thrown away"],
      ["apply", "Apply", "Upgrade the vat"],
      ["undo", "Undo…", "Show what would be without the last upgrade of the vat; nothing changes yet"],
    ],
    (view, send, bar) => {
      const { verdict, fixed, records, done, undo } = view.told;
      const changed = view.rows.length > 0;
      const good = changed && verdict && verdict.ok && !(records && !records.going && !records.ok);
      bar.rehearse.disabled = !changed;
      bar.apply.disabled = !changed || (verdict && !verdict.ok);
      bar.apply.classList.toggle("sw-ready", Boolean(good));
      bar.rehearse.classList.toggle("sw-ready", changed && !verdict);
      bar.undo.disabled = !view.incarnation;
      // Each message of the page does a part of the records, so that Stop is heard between two.
      if (records && records.going && asked !== records.lines[0]) {
        asked = records.lines[0];
        setTimeout(() => send({ kind: "more" }), 0);
      }
      const count = /** @type {HTMLInputElement} */ (
        h("input", {
          type: "number",
          min: "0",
          max: "100",
          "data-key": "count",
          value: view.messages,
        })
      );
      count.addEventListener("change", () =>
        send({
          kind: "messages",
          count: Math.max(0, Math.min(100, Math.trunc(Number(count.value)) || 0)),
        }),
      );
      return [
        h(
          "p",
          { class: "sw-where" },
          "vat ",
          h("b", {}, view.vat),
          view.incarnation === null ? " does not run" : ` · incarnation ${view.incarnation} runs`,
        ),
        view.parts.length > 1
          ? h(
              "p",
              {},
              "changed cells, rehearsed and applied together: ",
              ...view.parts.map((/** @type {string} */ part) =>
                h(
                  "button",
                  {
                    type: "button",
                    "data-key": part,
                    "aria-pressed": part === view.part ? "true" : "false",
                    onclick: () => send({ kind: "choose", part }),
                  },
                  part,
                ),
              ),
            )
          : null,
        undo
          ? h(
              "section",
              { class: "sw-confirm", "aria-label": "Undo" },
              h("h4", {}, "Undo the upgrade?"),
              h("p", {}, undo.words),
              lines(undo.lines, "sw-lines"),
              h(
                "p",
                { class: "sw-note" },
                "The world goes back to before the upgrade, and all that came from outside since then comes again, to the old code. What has left the world stays outside. Names that cells bound since are bound by running them again.",
              ),
              h(
                "div",
                { class: "sw-bar" },
                button("undo-now", "Undo it now", () => send({ kind: "undo-now" }), "sw-undo-now"),
                button("keep", "Keep the upgrade", () => send({ kind: "keep" }), "sw-keep"),
              ),
            )
          : null,
        done ? doneOf(done, at) : null,
        changed
          ? section(`Changed: ${view.part}`, difference(view))
          : done
            ? null
            : h(
                "p",
                { class: "sw-empty" },
                "There is no change to apply. Change the vat's cell and run it; it appears here.",
              ),
        fixed ? fixedOf(fixed) : null,
        verdict ? verdictOf(verdict) : null,
        verdict && verdict.fixes.length
          ? section(
              "What would cure it",
              h(
                "ul",
                { class: "sw-fixes" },
                ...verdict.fixes.map((/** @type {any} */ fix, /** @type {number} */ number) =>
                  h(
                    "li",
                    {},
                    button(`fix-${number}`, fix.title, () => send({ kind: "fix", number }), "sw-fix"),
                    h("span", {}, ` ${fix.why}`),
                  ),
                ),
              ),
            )
          : null,
        records
          ? section(
              "All records",
              h("progress", {
                max: "1",
                value: records.share,
                "aria-label": "records migrated",
              }),
              records.going ? button("stop", "Stop", () => send({ kind: "stop" }), "sw-stop") : null,
              lines(records.lines, "sw-records"),
            )
          : null,
        changed
          ? h(
              "p",
              { class: "sw-options" },
              h("label", {}, "recorded messages to answer with both codes: ", count),
              " ",
              records && records.going
                ? null
                : button(
                    "records",
                    "Rehearse all records",
                    () => {
                      asked = "";
                      send({ kind: "records" });
                    },
                    "sw-try-records",
                  ),
            )
          : null,
        changed && !verdict
          ? h(
              "p",
              { class: "sw-note" },
              "Rehearse tries it on a fork of the world. Nothing here changes until Apply.",
            )
          : null,
      ];
    },
  );
}
