// The timeline: a lane per vat, marks below, and a cursor that is dragged or moved with keys.
/** @import { Bar, Timeline, Send } from "./types.d.ts" */
import { h, fill } from "../dom.js";
import { svg } from "./svg.js";
import { LABELS, LANE, TOP, committed, keyed, labelled, pathsOf, scaleOf, zoomed } from "./ticks.js";

const ROWS = 4;
const LABEL = 14;

/** @param {(crank: number) => void} look @param {Send} send */
export function timelineView(look, send) {
  const picture = svg("svg", {
    class: "sw-time",
    role: "slider",
    tabindex: 0,
    "aria-label": "moment of the past",
    "data-key": "slider",
  });
  const button = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => void} */ act) =>
    h(
      "button",
      {
        class: "sw-small",
        title,
        "aria-label": /[a-z]/.test(text) ? null : title,
        onclick: act,
      },
      text,
    );
  const more = h("span", { class: "sw-note" });
  const tools = h(
    "div",
    { class: "sw-zoom" },
    more,
    button("−", "show more of the past", () => zoom(shown(), 3)),
    button("+", "show less of the past, in more detail", () => zoom(shown(), 1 / 3)),
    button("all", "all of the past", () => send({ kind: "zoom", since: null, until: null })),
  );
  const el = h("section", { class: "sw-timeline", "aria-label": "timeline" }, picture, tools);
  /** @type {Timeline | null} */
  let timeline = null;
  /** @type {number | null} */
  let dragged = null;
  let [at, width] = [0, 0];
  let dragging = false;
  const shown = () => dragged ?? at;
  const zoom = (/** @type {number} */ about, /** @type {number} */ factor) => {
    if (timeline) send({ kind: "zoom", ...zoomed(timeline, about, factor) });
  };
  const go = (/** @type {number} */ crank) => {
    if (!timeline || crank === shown()) return;
    dragged = crank;
    cursor();
    look(crank);
  };
  const under = (/** @type {MouseEvent} */ event) => {
    const x = event.clientX - picture.getBoundingClientRect().left;
    return timeline ? scaleOf(timeline, width).crank(x) : 0;
  };
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !timeline) return;
    dragging = true;
    picture.setPointerCapture(event.pointerId);
    picture.focus({ preventScroll: true });
    const marked = event.target instanceof Element ? event.target.closest("[data-crank]") : null;
    go(marked ? Number(marked.getAttribute("data-crank")) : under(event));
    event.preventDefault();
  });
  picture.addEventListener("pointermove", (event) => dragging && go(under(event)));
  for (const name of ["pointerup", "pointercancel"]) picture.addEventListener(name, () => (dragging = false));
  picture.addEventListener("keydown", (event) => {
    if (!timeline || event.ctrlKey || event.metaKey) return;
    if (event.key === "+" || event.key === "-") zoom(shown(), event.key === "+" ? 1 / 3 : 3);
    else {
      const crank = keyed(event, shown(), timeline);
      if (crank === undefined) return;
      go(crank);
    }
    event.preventDefault();
  });
  picture.addEventListener(
    "wheel",
    (event) => {
      // A wheel scrolls the page, unless the timeline was chosen or the hand asks for a zoom.
      if (!event.ctrlKey && document.activeElement !== picture) return;
      event.preventDefault();
      zoom(under(event), event.deltaY > 0 ? 1.6 : 1 / 1.6);
    },
    { passive: false },
  );

  const line = svg("line", { class: "sw-cursor" });
  const knob = svg("circle", { class: "sw-knob", r: 6 });
  const veil = svg("rect", { class: "sw-veil" });
  function cursor() {
    if (!timeline) return;
    const scale = scaleOf(timeline, width);
    const [crank, low] = [shown(), TOP + timeline.lanes.length * LANE + 2];
    const x = scale.x(crank);
    const inside = crank >= timeline.since && crank <= timeline.until;
    for (const part of [line, knob]) part.style.display = inside ? "" : "none";
    set(line, { x1: x, x2: x, y1: 2, y2: low });
    set(knob, { cx: x, cy: (low + 2) / 2 });
    const from = Math.min(x + 1, LABELS + scale.plot);
    set(veil, {
      x: from,
      y: 0,
      width: Math.max(0, LABELS + scale.plot + 6 - from),
      height: low,
    });
    veil.style.display = crank >= timeline.present ? "none" : "";
    set(picture, {
      "aria-valuemin": 0,
      "aria-valuemax": timeline.present,
      "aria-valuenow": crank,
      "aria-valuetext":
        crank >= timeline.present ? `crank ${crank}, the present` : `crank ${crank} of ${timeline.present}`,
    });
  }
  /** Show it anew. @param {Timeline} next @param {Bar} bar @param {number} wide @param {boolean} asked whether a look is awaited */
  function draw(next, bar, wide, asked) {
    const same = next === timeline && wide === width;
    [timeline, at, width] = [next, bar.at ?? bar.present, wide];
    if (!asked) dragged = null;
    if (!same) {
      const scale = scaleOf(next, wide);
      const low = TOP + next.lanes.length * LANE + 2;
      const placed = labelled(next.marks, scale, ROWS);
      const rows = Math.max(0, ...placed.map(({ row }) => row + 1));
      const height = low + rows * LABEL + (rows ? 8 : 4);
      set(picture, { width: wide, height });
      const lanes = next.lanes.map(({ name, hue }, lane) => {
        const y = TOP + lane * LANE + (LANE - 1) / 2;
        const text = svg(
          "text",
          { class: "sw-lane", x: 10, y: y + 4 },
          name.length > 13 ? `${name.slice(0, 12)}…` : name,
        );
        text.append(svg("title", {}, name));
        return svg(
          "g",
          { class: `sw-hue-${hue % 8}` },
          svg("rect", {
            class: "sw-dot",
            x: 0,
            y: y - 3,
            width: 5,
            height: 6,
            rx: 1.5,
          }),
          text,
          svg("line", {
            class: "sw-rule",
            x1: LABELS,
            x2: LABELS + scale.plot,
            y1: y,
            y2: y,
          }),
        );
      });
      const ticks = pathsOf(next, scale).map(({ lane, weight, error, d }) =>
        svg("path", {
          class: `${error ? "sw-tick-error" : `sw-tick sw-hue-${(next.lanes[lane]?.hue ?? 0) % 8}`} sw-weight-${weight}`,
          d,
        }),
      );
      const marks = placed.map(({ mark, x, row, left, text }) => {
        const group = svg(
          "g",
          { class: `sw-mark sw-mark-${mark.kind}`, "data-crank": mark.crank },
          svg("path", { d: `M${x} ${low}v${row < 0 ? 3 : 7 + row * LABEL}` }),
        );
        if (row >= 0)
          group.append(
            svg(
              "text",
              {
                x: left ? x - 4 : x + 4,
                y: low + 13 + row * LABEL,
                "text-anchor": left ? "end" : "start",
              },
              text,
            ),
          );
        group.append(svg("title", {}, `crank ${mark.crank}: ${mark.text}`));
        return group;
      });
      const commits = svg("path", { class: "sw-commits", d: committed(next, scale, low) });
      commits.append(svg("title", {}, "commits: after each of these cranks the world was stored"));
      picture.replaceChildren(...lanes, ...ticks, commits, veil, ...marks, line, knob);
      const part = next.since > next.first || next.until < next.present;
      fill(
        more,
        document.createTextNode(
          [
            part ? `cranks ${next.since.toLocaleString("en")} to ${next.until.toLocaleString("en")}` : "",
            commitsOf(next),
            next.more_marks ? `${next.more_marks.toLocaleString("en")} more marks: zoom in` : "",
          ]
            .filter(Boolean)
            .join(" · "),
        ),
      );
    }
    tools.hidden = next.present === 0;
    cursor();
  }
  return { el, draw, shown };
}

/** How many commits there are, in words. @param {Timeline} timeline */
function commitsOf({ commits, more_commits: more }) {
  const count = commits.length + more;
  if (!count) return "";
  return `${count === 1 ? "1 commit" : `${count.toLocaleString("en")} commits`}${more ? ": zoom in to see them" : ""}`;
}

/** @param {Element} el @param {Record<string, string | number>} props */
function set(el, props) {
  for (const [name, value] of Object.entries(props)) el.setAttribute(name, String(value));
}
