// The upgrade panel. The lines of a difference carry their sign, so colour is never the only mark.
/** @import { AnyModel } from "@anywidget/types" */
import { h } from "./dom.js";
import { frame, lines, section } from "./frame.js";

/** @param {any} view */
function difference(view) {
  const rows = view.diff.map((/** @type {string} */ line) => {
    const named = line.startsWith("+++") || line.startsWith("---");
    const cls = named
      ? "sw-named"
      : line.startsWith("+")
        ? "sw-added"
        : line.startsWith("-")
          ? "sw-removed"
          : "";
    return h("span", { class: cls }, `${line}\n`);
  });
  if (view.hidden) rows.push(h("span", {}, `and ${view.hidden} more lines: %vat ${view.vat} --all\n`));
  return h(
    "pre",
    {
      class: "sw-diff",
      tabindex: "0",
      "aria-label": "difference of the sources",
    },
    ...rows,
  );
}

export default {
  /** @param {{ model: AnyModel, el: HTMLElement }} context */
  render({ model, el }) {
    return frame(
      model,
      el,
      "upgrade",
      [
        ["rehearse", "Rehearse", "Try the upgrade on a fork of the world, which is thrown away"],
        ["apply", "Apply", "Upgrade the vat"],
      ],
      (view, send, bar) => {
        const changed = view.diff.length > 0;
        bar.rehearse.disabled = bar.apply.disabled = !changed;
        const verdict = view.verdict.words;
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
                "changed cells: ",
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
          view.happened.length ? section("What happened", lines(view.happened, "sw-happened")) : null,
          changed
            ? section(`Changed: ${view.part}`, difference(view))
            : h(
                "p",
                { class: "sw-empty" },
                "There is no change to apply. Change the vat's cell and run it; it appears here.",
              ),
          verdict
            ? section(
                "Rehearsal",
                h(
                  "p",
                  { class: view.verdict.ok ? "sw-good" : "sw-bad" },
                  `${view.verdict.ok ? "✓" : "✗"} ${verdict}`,
                ),
                lines(view.verdict.lines, "sw-lines"),
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
  },
};
