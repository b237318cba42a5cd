// The world: vats as rooms with their rows, arrows between them, and the run-queue below.
/** @import { Arrow, Box, Place, Row, Send, Waiting, World } from "./types.d.ts" */
import { coded, h, fill } from "../dom.js";
import { arrange, curve, headOf, rowY, thickness } from "./rooms.js";
import { call } from "./story.js";
import { svg } from "./svg.js";

/** @type {Record<Row["sort"], string>} */
export const SIGNS = {
  root: "■",
  durable: "●",
  heap: "○",
  promise: "…",
  lost: "✕",
  rest: "⋯",
  name: "›",
};
const LEGEND =
  "■ root and ● durable survive an upgrade · ○ heap and … open promises do not · thickness: how many references";
const BEGIN =
  "There is no vat yet: a cell that begins with `%%vat NAME` makes one, and `%swingset help vat` shows how. " +
  "What it does then is a tick of the timeline above, and its objects are rows here.";
let instances = 0;

/** @param {Send} send */
export function worldView(send) {
  const number = ++instances;
  const arrows = svg("svg", { class: "sw-arrows", "aria-hidden": "true" });
  const rooms = h("div", { class: "sw-rooms" });
  const legend = h("p", { class: "sw-note sw-legend" });
  const pane = h("div", { class: "sw-pane" }, arrows, rooms);
  const el = h("section", { class: "sw-world", "aria-label": "world" }, pane, legend);
  /** @type {World | null} */
  let shown = null;
  /** @type {Map<string, Place>} */
  let places = new Map();

  /** @param {Row} row @param {string} chosen */
  function rowOf(row, chosen) {
    const kref = row.krefs[0];
    const group = row.opens && row.count > 1;
    const pick = () =>
      group || !kref
        ? row.opens && send({ kind: row.opened ? "close" : "open", row: row.id })
        : send({ kind: "pick", subject: kref });
    const title = [row.label, row.count > 1 ? `×${row.count}` : "", row.note, row.krefs.join(", ")]
      .filter(Boolean)
      .join(" · ");
    const main = h(
      "button",
      {
        class: `sw-row sw-${row.sort}${row.depth ? " sw-deep" : ""}`,
        "data-key": `row-${row.id}`,
        "data-row": row.id,
        title,
        onclick: pick,
        "aria-pressed": !group && kref ? String(row.krefs.includes(chosen)) : null,
        "aria-expanded": group ? String(row.opened) : null,
      },
      h("i", { "aria-hidden": "true" }, SIGNS[row.sort] ?? "·"),
      h("b", {}, row.label),
      row.count > 1 && row.sort !== "rest" ? h("em", {}, `×${row.count.toLocaleString("en")}`) : null,
      h("span", {}, row.note),
    );
    if (!row.opens) return h("li", {}, main);
    const words = row.opened ? "fold" : "open";
    return h(
      "li",
      {},
      main,
      h(
        "button",
        {
          class: "sw-fold",
          "data-key": `fold-${row.id}`,
          "aria-label": `${words} ${row.label}`,
          title: words,
          onclick: () => send({ kind: row.opened ? "close" : "open", row: row.id }),
        },
        row.opened ? "▾" : "▸",
      ),
    );
  }

  /** @param {Box} box @param {Place} place @param {string} chosen */
  function roomOf(box, place, chosen) {
    const facts = [
      box.kind === "session"
        ? "this notebook"
        : box.incarnation === null
          ? box.kind
          : `incarnation ${box.incarnation}`,
      box.kind === "vat" ? box.worker : "",
      box.computrons ? `${box.computrons.toLocaleString("en")} computrons` : "",
      box.note,
    ]
      .filter(Boolean)
      .join(" · ");
    const ill = box.state && box.state !== "running" && box.state !== "live" ? box.state : "";
    const rows = box.rows.map((row) => rowOf(row, chosen));
    const room = h(
      "section",
      {
        class: `sw-room sw-hue-${box.hue % 8} sw-is-${box.kind}${ill ? " sw-ill" : ""}`,
        "aria-label": `${box.kind} ${box.name}`,
      },
      h(
        "button",
        {
          class: "sw-roomhead",
          "data-key": `box-${box.id}`,
          title: [box.name, ill, facts].filter(Boolean).join(" · "),
          "aria-pressed": String(chosen === box.id),
          onclick: () => send({ kind: "pick", subject: box.id }),
        },
        h("b", {}, box.name),
        ill ? h("strong", {}, ill) : null,
        h("span", {}, facts),
      ),
      rows.length ? h("ul", {}, ...rows) : null,
    );
    Object.assign(room.style, {
      left: `${place.x}px`,
      top: `${place.y}px`,
      width: `${place.width}px`,
      height: `${place.height}px`,
    });
    return room;
  }

  /** @param {World} world @param {Arrow} arrow @param {string} chosen */
  function pathOf(world, arrow, chosen) {
    const [holder, owner] = [arrow.holder, arrow.owner].map((id) => world.boxes.find((box) => box.id === id));
    const [from, to] = [places.get(arrow.holder), places.get(arrow.owner)];
    if (!holder || !owner || !from || !to || holder === owner) return null;
    const target = owner.rows.find((row) => row.id === arrow.row);
    const source = holder.rows.find((row) => row.id === arrow.holder_row);
    const lit = [target, source].some((row) => row?.krefs.includes(chosen) && row.count === 1);
    // What a name that is not listed holds leaves from the row that stands for the rest of the names.
    const unlisted =
      holder.kind === "session" ? holder.rows.find(({ sort }) => sort === "rest")?.id : undefined;
    const begins = rowY(holder, from, arrow.holder_row ?? unlisted ?? null);
    const thick = thickness(arrow.count);
    const { name, gap } = headOf(thick);
    const { d } = curve(from, begins, to, rowY(owner, to, arrow.row), gap);
    const path = svg("path", {
      d,
      class: `sw-arrow${arrow.waits ? " sw-waits" : ""}${lit ? " sw-lit" : ""}`,
      "stroke-width": thick.toFixed(1),
      "marker-end": `url(#sw-head-${number}${lit ? "-lit" : ""}${name})`,
    });
    path.append(svg("title", {}, `${holder.name} → ${owner.name}: ${arrow.count.toLocaleString("en")}`));
    return path;
  }

  /** @param {World} world @param {string} chosen @param {number} width */
  function draw(world, chosen, width) {
    shown = world;
    const { places: found, height } = arrange(world.boxes, world.arrows, width);
    places = found;
    for (const each of [arrows, rooms]) Object.assign(each.style, { height: `${height}px` });
    arrows.setAttribute("width", String(width));
    arrows.setAttribute("height", String(height));
    const head = (/** @type {string} */ lit, /** @type {number} */ thick) => {
      const { name, size, gap } = headOf(thick);
      return svg(
        "marker",
        {
          id: `sw-head-${number}${lit}${name}`,
          class: `sw-head${lit}`,
          viewBox: "0 0 8 8",
          refX: 8 - (8 * gap) / size,
          refY: 4,
          markerWidth: size,
          markerHeight: size,
          markerUnits: "userSpaceOnUse",
          orient: "auto",
        },
        svg("path", { d: "M0 0 8 4 0 8z" }),
      );
    };
    const paths = world.arrows.map((arrow) => pathOf(world, arrow, chosen)).filter((path) => path !== null);
    arrows.replaceChildren(
      svg("defs", {}, ...["", "-lit"].flatMap((lit) => [head(lit, 1), head(lit, 9)])),
      ...paths.filter((path) => !path.classList.contains("sw-lit")),
      ...paths.filter((path) => path.classList.contains("sw-lit")),
    );
    fill(
      rooms,
      ...world.boxes.map((box) => {
        const place = places.get(box.id);
        return place ? roomOf(box, place, chosen) : null;
      }),
    );
    const left = world.left_out.map((line, index) =>
      world.further && index === 0
        ? h(
            "button",
            {
              class: "sw-small sw-vats",
              "data-key": "vats",
              title: "draw more vats",
              onclick: () => send({ kind: "open", row: world.further }),
            },
            line,
          )
        : h("span", {}, line),
    );
    const begun = world.boxes.some(({ kind }) => kind === "vat");
    const words = begun ? LEGEND : world.at === null ? BEGIN : "There was no vat yet.";
    legend.classList.toggle("sw-begin", !begun);
    legend.replaceChildren(...coded(words), ...left);
  }

  /** Let a message travel to its target. @param {Waiting} message */
  function travel(message) {
    if (!shown || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const [source, target] = [message.source, message.target_box].map((id) =>
      shown?.boxes.find((box) => box.id === id),
    );
    const [from, to] = [places.get(message.source), places.get(message.target_box)];
    if (!target || !to) return;
    const ends =
      source && from && source !== target
        ? curve(from, rowY(source, from, null), to, rowY(target, to, message.target_row))
        : {
            x: to.x - 30,
            y: 0,
            endX: to.x,
            endY: rowY(target, to, message.target_row),
          };
    const pill = h("span", { class: "sw-pill", "aria-hidden": "true" }, call(message));
    rooms.append(pill);
    const moved = pill.animate(
      [
        {
          transform: `translate(${ends.x}px, ${ends.y}px) translate(-50%, -50%)`,
          opacity: 0.3,
        },
        { opacity: 1, offset: 0.25 },
        {
          transform: `translate(${ends.endX}px, ${ends.endY}px) translate(-50%, -50%)`,
          opacity: 1,
        },
      ],
      { duration: 700, easing: "ease-in-out" },
    );
    moved.onfinish = moved.oncancel = () => pill.remove();
  }
  return { el, draw, travel };
}

/** The run-queue in the order of delivery. @param {World} world @param {string} chosen @param {Send} send */
export function queueOf(world, chosen, send) {
  const name = (/** @type {string} */ id) => world.boxes.find((box) => box.id === id)?.name ?? "";
  const cards = world.waiting.map((each) => {
    const parked = each.where !== "";
    const from = name(each.source);
    return h(
      "li",
      {},
      h(
        "button",
        {
          class: `sw-card${parked ? " sw-parked" : ""}`,
          "data-key": `card-${each.id}`,
          "aria-pressed": String(chosen === `waiting:${each.id}`),
          title: [call(each), `${from} → ${each.target}`, each.where].join(" · "),
          onclick: () => send({ kind: "pick", subject: `waiting:${each.id}` }),
        },
        h("b", {}, parked ? "" : `${each.position}. `, call(each)),
        h("small", {}, parked ? `waits: ${each.where}` : `${from ? `${from} ` : ""}→ ${each.target}`),
      ),
    );
  });
  const left = world.waiting_total - world.waiting.length;
  if (left > 0)
    cards.push(h("li", { class: "sw-note" }, `and ${left.toLocaleString("en")} more: %swingset queue --all`));
  const empty = h("span", { class: "sw-empty" }, "nothing waits: the run-queue is empty");
  return h(
    "section",
    { class: "sw-queue", "aria-label": "run-queue" },
    h("b", {}, "Next"),
    cards.length
      ? h("ol", { class: "sw-strip", "aria-label": "what waits, the first is next" }, ...cards)
      : empty,
  );
}
