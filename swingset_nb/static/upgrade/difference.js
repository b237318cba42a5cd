// The difference of two sources, side by side. Each line has its sign and number, so colour is never the only mark.
import { h } from "../dom.js";

/**
 * One side of a row: its line behind its sign, in pieces of so many characters.
 * @param {[number, string, [number, string, boolean][]] | null} side @param {string} cls
 */
function sideOf(side, cls) {
  if (!side) return [h("td", { class: "sw-no" }), h("td", {})];
  const [number, text, pieces] = side;
  let at = 2;
  const words = pieces.map(([size, tone, marked]) =>
    h(marked ? "mark" : "span", { class: tone ? `sw-tone-${tone}` : null }, text.slice(at, (at += size))),
  );
  const tint = text[0] === " " ? "" : cls;
  return [
    h("td", { class: `sw-no ${tint}` }, `${number} ${text[0]}`),
    h("td", { class: tint }, h("code", {}, ...words, text.slice(at))),
  ];
}

/** The difference, side by side. @param {any} view @param {string} other @param {string} rest */
export function difference(view, other = "this cell", rest = `%vat ${view.vat} --all`) {
  const rows = view.rows.map((/** @type {any} */ [change, old, now]) =>
    change === "gap"
      ? h("tr", { class: "sw-gap" }, h("td", { colspan: "4" }, "⋯"))
      : h("tr", {}, ...sideOf(old, "sw-removed"), ...sideOf(now, "sw-added")),
  );
  return h(
    "div",
    {
      class: "sw-diff",
      tabindex: "0",
      role: "region",
      "aria-label": "difference of the sources",
    },
    h(
      "table",
      {},
      h("colgroup", {}, ...["sw-no", "", "sw-no", ""].map((cls) => h("col", { class: cls }))),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { colspan: "2", scope: "col" }, "running"),
          h("th", { colspan: "2", scope: "col" }, other),
        ),
      ),
      h("tbody", {}, ...rows),
    ),
    view.hidden ? h("p", {}, `and ${view.hidden} more rows: ${rest}`) : null,
  );
}
