// The story of one tick: the message, its outcome, what was printed, what it cost, and the chain of causes.
/** @import { Bar, Did, Link, Send, Tick } from "./types.d.ts" */
import { h } from "../dom.js";

const EVENTS = ["notify", "create-vat", "clone-vat", "upgrade-vat", "options", "collect", "reap", "clean-up"];

/** A message as a call, another event in words. @param {{ what: string, args: string }} event */
export const call = (event) =>
  isCall(event) ? `${event.what}(${event.args})` : `${event.what} ${event.args}`.trim();

/** Whether it is a message. @param {{ what: string }} event */
const isCall = ({ what }) => !EVENTS.includes(what);

/** A link into the past, or plain text. @param {Link} link @param {Send} send */
export function linkOf(link, send) {
  const { crank, cell } = link;
  const where = h(
    "small",
    {},
    [
      link.where || (cell === null ? "" : `cell [${cell}]`),
      crank === null ? "" : `crank ${crank.toLocaleString("en")}`,
    ]
      .filter(Boolean)
      .join(", "),
  );
  return crank === null
    ? h("span", { class: "sw-link" }, link.text, " ", where)
    : h(
        "button",
        {
          class: "sw-link",
          "data-key": `crank-${crank}`,
          onclick: () => send({ kind: "look", crank, pick: true }),
        },
        link.text,
        " ",
        where,
      );
}

/** @param {Tick} tick @param {Send} send */
export function storyOf(tick, send) {
  const spent = tick.computrons === null ? "" : `${tick.computrons.toLocaleString("en")} computrons`;
  const facts = [tick.result && !tick.error ? `→ ${tick.result}` : "", tick.outcome, spent];
  const head = h(
    "p",
    {},
    h("b", {}, `crank ${tick.crank.toLocaleString("en")} `),
    h("code", {}, call(tick)),
    ` ${[tick.target ? `to ${tick.target}` : "", ...facts].filter(Boolean).join(" · ")}`,
  );
  const chain = tick.chain.map((link) =>
    h("li", link.crank === tick.crank ? { "aria-current": "step" } : {}, linkOf(link, send)),
  );
  return h(
    "section",
    { class: "sw-story", "aria-label": `crank ${tick.crank}` },
    head,
    tick.error ? h("p", { class: "sw-wrong" }, tick.error) : null,
    h(
      "p",
      { class: "sw-tries" },
      isCall(tick)
        ? h(
            "button",
            {
              class: "sw-small sw-unsent",
              onclick: () => send({ kind: "whatif", crank: tick.crank }),
            },
            "What if it had not been sent?",
          )
        : null,
      tick.error
        ? h(
            "button",
            {
              class: "sw-small",
              onclick: () => send({ kind: "break", predicate: "rejection" }),
            },
            "Break on rejections",
          )
        : null,
    ),
    tick.prints.length
      ? h("pre", { class: "sw-prints", tabindex: 0, "aria-label": "printed" }, tick.prints.join("\n"))
      : null,
    chain.length ? h("div", { class: "sw-why" }, h("b", {}, "Why?"), h("ol", {}, ...chain)) : null,
  );
}

/** What was done, and the line that does it. @param {Did} did @param {Send} send */
export function didOf(did, send) {
  const copied = h("span", { class: "sw-note", role: "status" });
  const code = h("code", {}, did.line);
  return h(
    "section",
    { class: "sw-did", "aria-label": "what was done" },
    did.line
      ? h(
          "p",
          {},
          code,
          " ",
          copyOf(did.line, code, copied),
          copied,
          h(
            "button",
            {
              class: "sw-small sw-dismiss",
              "aria-label": "dismiss",
              title: "dismiss",
              onclick: () => send({ kind: "dismiss" }),
            },
            "×",
          ),
        )
      : null,
    did.lines.length ? h("pre", { tabindex: 0, "aria-label": "answer" }, did.lines.join("\n")) : null,
  );
}

/** A button that copies a line into the clipboard, or selects it where that is not allowed.
 * @param {string} text @param {Node} code @param {HTMLElement} said */
function copyOf(text, code, said) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "copied";
    } catch {
      getSelection()?.selectAllChildren(code);
      said.textContent = "selected";
    }
  };
  return h("button", { class: "sw-small", "data-key": "copy", onclick: copy }, "Copy");
}

/** What going on from here costs, and two buttons. @param {NonNullable<Bar["ask"]>} ask @param {Send} send */
export function askOf(ask, send) {
  return h(
    "section",
    { class: "sw-ask", role: "alertdialog", "aria-label": ask.headline },
    h("p", {}, h("b", {}, ask.headline)),
    h("ul", {}, ...ask.lines.map((line) => h("li", {}, line))),
    h(
      "button",
      {
        class: "sw-confirm sw-primary",
        "data-key": "confirm",
        onclick: () => send({ kind: "branch", crank: ask.crank, confirmed: true }),
      },
      `Go on from crank ${ask.crank.toLocaleString("en")}`,
    ),
    " ",
    h(
      "button",
      {
        "data-key": "stay",
        onclick: () => send({ kind: "dismiss" }),
      },
      "Stay",
    ),
  );
}
