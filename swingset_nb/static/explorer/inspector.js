// The inspector: what was clicked, in five tabs, and what can be done with it.
/** @import { Code, Inspected, Send, Verb } from "./types.d.ts" */
import { h, fill } from "../dom.js";
import { call } from "./story.js";

const TABS = /** @type {const} */ (["State", "Methods", "Held by", "Code", "Kernel"]);

/** @param {string} title @param {...(Node | string | null)} children */
const part = (title, ...children) => h("div", { class: "sw-part" }, h("h5", {}, title), ...children);
/** @param {(Node | string)[]} items */
const list = (items) => h("ul", { class: "sw-plain" }, ...items.map((item) => h("li", {}, item)));

/** @param {Inspected} it @param {Send} send */
function state(it, send) {
  const was = (/** @type {number} */ crank, /** @type {string} */ words) =>
    h(
      "button",
      {
        class: "sw-was",
        title: `look at crank ${crank}`,
        onclick: () => send({ kind: "look", crank }),
      },
      words,
    );
  const fields = it.fields.map(({ name, value, history, since }) => {
    const changes = history.map(({ crank, value: old }) =>
      was(crank, `← ${old} at crank ${crank.toLocaleString("en")}`),
    );
    if (since !== null && history.length)
      changes.unshift(was(since, `since crank ${since.toLocaleString("en")}`));
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      h("td", {}, h("b", {}, value), ...changes.flatMap((each) => [" ", each])),
    );
  });
  const waiting = it.waiting.map((each) =>
    h(
      "button",
      {
        class: "sw-link",
        onclick: () => send({ kind: "pick", subject: `waiting:${each.id}` }),
      },
      call(each),
      " ",
      h("small", {}, each.where),
    ),
  );
  return [
    it.doc ? h("p", { class: "sw-note" }, it.doc) : null,
    fields.length ? h("table", { "aria-label": "fields" }, h("tbody", {}, ...fields)) : null,
    waiting.length ? part("Waiting for it", list(waiting)) : null,
    it.alive.length ? part("Alive because", list(it.alive)) : null,
    it.last
      ? part(
          "Last delivery",
          h(
            "p",
            {},
            it.last_crank === null
              ? it.last
              : h(
                  "button",
                  {
                    class: "sw-link",
                    onclick: () => send({ kind: "look", crank: it.last_crank }),
                  },
                  it.last,
                ),
          ),
        )
      : null,
    fields.length || waiting.length || it.alive.length || it.last
      ? null
      : h("p", { class: "sw-empty" }, "Nothing is stored of it."),
    ...it.notes.map((note) => h("p", { class: "sw-note" }, note)),
  ];
}

/** @param {Inspected} it @param {Send} send */
function methods(it, send) {
  if (!it.methods.length) return [h("p", { class: "sw-empty" }, "No methods are known of it.")];
  return it.methods.map(({ name, signature, doc, line }) =>
    h(
      "div",
      { class: "sw-method" },
      h("code", {}, signature || name),
      line ? h("small", {}, ` line ${line}`) : null,
      h(
        "button",
        {
          class: "sw-small",
          title: `let Run stop after a call of ${name}; cells and Send do not stop`,
          "aria-label": `break on ${name}`,
          onclick: () =>
            send({
              kind: "break",
              predicate: `vat == ${quoted(it.whose)} and method == ${quoted(name)}`,
            }),
        },
        "break",
      ),
      doc ? h("p", {}, doc) : null,
    ),
  );
}

/** @param {Inspected} it */
const heldBy = (it) => [it.held.length ? list(it.held) : h("p", { class: "sw-empty" }, "No vat holds it.")];

/** @param {Code | null} code */
function source(code) {
  if (!code) return [h("p", { class: "sw-empty" }, "Its source is not known.")];
  const rows = code.lines.map((line, index) => {
    const number = code.first + index;
    return h(
      "span",
      { class: number === code.mark ? "sw-here" : null },
      h("i", {}, String(number).padStart(4)),
      `  ${line}\n`,
    );
  });
  return [
    code.part ? h("p", { class: "sw-note" }, `cell ${code.part}`) : null,
    h("pre", { class: "sw-code", tabindex: 0, "aria-label": "source" }, ...rows),
  ];
}

/** The c-list entries: the vat, and the thing at the other side of an entry, are a click away.
 * @param {Inspected} it @param {Send} send */
function kernelView(it, send) {
  const led = (/** @type {string} */ subject, /** @type {string} */ text, /** @type {string} */ title) =>
    subject === it.subject
      ? text
      : h(
          "button",
          {
            class: "sw-link sw-entry",
            title,
            "data-key": `entry-${text}-${subject}`,
            onclick: () => send({ kind: "pick", subject }),
          },
          text,
        );
  if (!it.kernel.length) return [h("p", { class: "sw-empty" }, "No c-list has it.")];
  const head = ["vat", "vref", "kref", "direction", "reachable", "counts"].map((name) =>
    h("th", { scope: "col" }, name),
  );
  const rows = it.kernel.map((row) =>
    h(
      "tr",
      {},
      ...[
        led(row.vat_id, row.vat, `inspect vat ${row.vat}`),
        row.vref,
        led(row.kref, row.kref, row.label),
        row.direction,
        row.reachable ? "yes" : "no",
        row.counts,
      ].map((cell) => h("td", {}, cell)),
    ),
  );
  return [
    h(
      "div",
      {
        class: "sw-scroll",
        tabindex: 0,
        role: "region",
        "aria-label": "c-list entries",
      },
      h(
        "table",
        { "aria-label": "c-list entries" },
        h("thead", {}, h("tr", {}, ...head)),
        h("tbody", {}, ...rows),
      ),
    ),
  ];
}

/** A text in the grammar of predicates. @param {string} text */
export const quoted = (text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** What a run can stop at, for what was clicked. @param {Inspected} it */
export function predicateOf(it) {
  if (it.kind === "vat") return `vat == ${quoted(it.title)}`;
  return /^k[opd]\d+$/.test(it.subject) ? `object == ${quoted(it.subject)}` : `vat == ${quoted(it.whose)}`;
}

/** @param {Send} send */
export function inspectorView(send) {
  const el = h("aside", { class: "sw-inspector", "aria-label": "inspector" });
  /** @type {(typeof TABS)[number]} */
  let tab = "State";
  /** @type {Verb["verb"] | null} */
  let form = null;
  /** @type {Inspected | null} */
  let shown = null;
  const id = `sw-tab-${Math.random().toString(36).slice(2)}`;

  /** The form of a verb that needs words. @param {Inspected} it @param {Verb} verb */
  function formOf(it, verb) {
    const field = (
      /** @type {string} */ name,
      /** @type {string} */ label,
      /** @type {string} */ value,
      /** @type {string} */ hint = "",
    ) =>
      h(
        "label",
        {},
        label,
        h("input", {
          name,
          value,
          placeholder: hint,
          spellcheck: "false",
          autocomplete: "off",
          "data-key": `form-${name}`,
        }),
      );
    const names = it.methods.map(({ name }) => h("option", { value: name }, name));
    const fields =
      verb.verb === "bind"
        ? [field("name", "name", "", "purse")]
        : verb.verb === "break"
          ? [field("predicate", "stop when", predicateOf(it))]
          : verb.verb === "send"
            ? [
                names.length
                  ? h(
                      "label",
                      {},
                      "method",
                      h("select", { name: "method", "data-key": "form-method" }, ...names),
                    )
                  : field("method", "method", ""),
                field("args", "arguments", "", "10, 'alice'"),
              ]
            : verb.verb === "suspend"
              ? [field("reason", "why", "", "may be empty")]
              : [];
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const data = Object.fromEntries(new FormData(/** @type {HTMLFormElement} */ (event.target)));
      form = null;
      if (verb.verb === "break") send({ kind: "break", predicate: data.predicate });
      else send({ kind: "verb", verb: verb.verb, subject: it.subject, ...data });
    };
    return h(
      "form",
      { class: "sw-form", "aria-label": verb.label, onsubmit: submit },
      ...fields,
      h("button", { type: "submit", class: "sw-primary", "data-key": "form-do" }, verb.label),
    );
  }
  const NEED = ["bind", "send", "suspend", "break"];

  function redraw(focus = "") {
    const it = shown;
    if (!it) {
      fill(
        el,
        h("p", { class: "sw-empty" }, "Click on anything: a row, a vat, a card, a tick. It is shown here."),
      );
      return;
    }
    const tabs = TABS.map((name) =>
      h(
        "button",
        {
          role: "tab",
          "aria-selected": String(name === tab),
          "aria-controls": id,
          "data-key": `tab-${name}`,
          tabindex: name === tab ? 0 : -1,
          onclick: () => {
            tab = name;
            redraw();
          },
          onkeydown: (/** @type {KeyboardEvent} */ event) => {
            const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
            if (!step) return;
            tab = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length] ?? "State";
            event.preventDefault();
            redraw(`tab-${tab}`);
          },
        },
        name,
      ),
    );
    const body =
      tab === "State"
        ? state(it, send)
        : tab === "Methods"
          ? methods(it, send)
          : tab === "Held by"
            ? heldBy(it)
            : tab === "Code"
              ? source(it.code)
              : kernelView(it, send);
    const verbs = it.verbs.map((verb) =>
      h(
        "button",
        {
          class: `sw-verb sw-verb-${verb.verb}`,
          disabled: !verb.enabled,
          title: verb.why || verb.label,
          "data-key": `verb-${verb.verb}`,
          "aria-expanded": NEED.includes(verb.verb) ? String(form === verb.verb) : null,
          onclick: () => {
            if (!NEED.includes(verb.verb)) send({ kind: "verb", verb: verb.verb, subject: it.subject });
            else {
              form = form === verb.verb ? null : verb.verb;
              redraw();
              /** @type {HTMLElement | null} */ (
                el.querySelector(".sw-form input, .sw-form select")
              )?.focus();
            }
          },
        },
        verb.label,
      ),
    );
    const open = it.verbs.find((verb) => verb.verb === form);
    fill(
      el,
      h("h4", {}, it.title),
      h("p", { class: "sw-names" }, it.subtitle),
      h("div", { class: "sw-tabs", role: "tablist", "aria-label": "what to show" }, ...tabs),
      h(
        "div",
        {
          class: "sw-tab",
          role: "tabpanel",
          id,
          "aria-label": tab,
          tabindex: 0,
        },
        ...body,
      ),
      verbs.length
        ? h(
            "div",
            {
              class: "sw-verbs",
              role: "group",
              "aria-label": "what to do with it",
            },
            ...verbs,
          )
        : null,
      open ? formOf(it, open) : null,
    );
    if (focus)
      /** @type {HTMLElement | null} */ (el.querySelector(`[data-key="${focus}"]`))?.focus();
  }
  /** @param {Inspected | null} next */
  function draw(next) {
    if (next?.subject !== shown?.subject) form = null;
    // What somebody types stays, when the world goes on meanwhile.
    const typing =
      form !== null &&
      el.contains(document.activeElement) &&
      document.activeElement?.closest(".sw-form") !== null;
    shown = next;
    if (!typing) redraw();
  }
  return { el, draw };
}
