// The live panel. Everything shown is in the trait `view`; every button sends one message.
/** @import { AnyModel } from "@anywidget/types" */
import { frame, h, section } from "./dom.js";

/** @param {any} data */
function table(data) {
  const notes = data.notes.map((/** @type {string} */ note) =>
    h("p", { class: "sw-note" }, note.replaceAll("`", "")),
  );
  if (!data.rows.length)
    return h("div", {}, h("p", { class: "sw-empty" }, data.empty), ...notes);
  const head = h(
    "tr",
    {},
    ...data.columns.map((/** @type {string} */ name) =>
      h("th", { scope: "col" }, name),
    ),
  );
  const rows = data.rows.map((/** @type {string[]} */ row) =>
    h("tr", {}, ...row.map((text) => h("td", {}, text))),
  );
  return h(
    "div",
    { class: "sw-scroll" },
    h(
      "table",
      { "aria-label": data.caption },
      h("thead", {}, head),
      h("tbody", {}, ...rows),
    ),
    ...notes,
  );
}

/** @param {any} view */
function queue(view) {
  if (!view.queue.length)
    return h(
      "p",
      { class: "sw-empty" },
      "The run-queue is empty: nothing is waiting.",
    );
  const cards = view.queue.map(
    (/** @type {string[]} */ [number, what, target, from, , where]) =>
      h(
        "li",
        { class: "sw-card" },
        h("b", {}, `${number}. ${what}`),
        h("span", {}, `to ${target}`),
        h(
          "span",
          {},
          where === "run-queue" ? `from ${from}` : `waits: ${where}`,
        ),
      ),
  );
  const more = view.waiting - view.queue.length;
  if (more > 0)
    cards.push(
      h("li", { class: "sw-card" }, `and ${more} more: %swingset queue --all`),
    );
  return h(
    "ol",
    { class: "sw-strip", "aria-label": "run-queue, the first is next" },
    ...cards,
  );
}

/** @param {any} view @param {(message: object) => void} send */
function vats(view, send) {
  const rows = view.vats.rows.map(
    (/** @type {string[]} */ [name, incarnation, state, worker]) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            class: "sw-vat",
            "data-key": `vat-${name}`,
            "aria-pressed": name === view.selected ? "true" : "false",
            "aria-label": `show the c-list of ${name}`,
            onclick: () => send({ kind: "select", vat: name }),
          },
          h("b", {}, `${name === view.selected ? "▸ " : ""}${name}`),
          h("span", {}, `incarnation ${incarnation}, ${state}, ${worker}`),
        ),
      ),
  );
  const notes = view.vats.notes.map((/** @type {string} */ note) =>
    h("li", { class: "sw-note" }, note.replaceAll("`", "")),
  );
  return h("ul", { class: "sw-vats" }, ...rows, ...notes);
}

export default {
  /** @param {{ model: AnyModel, el: HTMLElement }} context */
  render({ model, el }) {
    return frame(
      model,
      el,
      "world",
      [
        ["step", "Step", "Run one crank"],
        ["run", "Run", "Run until nothing can, and end a pause"],
        ["pause", "Pause", "Let messages wait from now on"],
        [
          "cancel",
          "Cancel",
          "Drop the message whose delivery was interrupted, and run what else waits",
        ],
      ],
      (view, send, bar) => {
        bar.pause.disabled = view.paused;
        bar.cancel.hidden = !view.interrupted;
        return [
          h(
            "p",
            { class: "sw-where" },
            h("b", {}, view.path),
            ` · crank ${view.crank} · ${view.paused ? "‖ paused" : "running after every cell"}`,
          ),
          view.last
            ? h("p", { class: "sw-last", role: "status" }, view.last)
            : null,
          section(`Run-queue: ${view.waiting} waiting`, queue(view)),
          h(
            "div",
            { class: "sw-columns" },
            section("Vats", vats(view, send)),
            section(
              `What ${view.selected} holds and gave away`,
              table(view.clist),
            ),
          ),
          section(
            "Picture",
            h("img", {
              src: view.picture.src,
              alt: view.picture.alt,
              width: view.picture.width,
            }),
          ),
        ];
      },
    );
  },
};
