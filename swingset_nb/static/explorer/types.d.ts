// The shapes of what the kernel sends to the explorer: those of `swingset.explore`, as JSON.

export interface Bar {
  open: boolean;
  why: string;
  path: string;
  crank: number; // of the moment that is shown
  present: number;
  at: number | null; // null: the present
  paused: boolean;
  interrupted: boolean;
  breaks: string[];
  changed: string[]; // vats with a changed cell that was not applied
  stale: boolean; // what the inspector shows is of an earlier moment: ask again
  ask: Ask | null;
  did: Did | null;
}
/** What going on from the past would cost, to be confirmed. */
export interface Ask {
  crank: number;
  headline: string;
  lines: string[];
}
/** What was done, as the line that does the same in a cell. */
export interface Did {
  line: string;
  lines: string[];
}
export interface Lane {
  vat: string;
  name: string;
  hue: number;
}
/** Column, cranks, first crank, last crank, errors. */
export type Bin = [number, number, number, number, number];
export interface Mark {
  crank: number;
  kind: string;
  text: string;
}
export interface Timeline {
  since: number;
  until: number;
  first: number;
  present: number;
  columns: number;
  width: number;
  lanes: Lane[];
  bins: Bin[][]; // of each lane
  marks: Mark[];
  more_marks: number;
  commits: number[];
  more_commits: number;
}
export interface Row {
  id: string;
  sort: "root" | "durable" | "heap" | "promise" | "lost" | "rest" | "name";
  label: string;
  note: string;
  count: number;
  krefs: string[];
  opens: boolean;
  opened: boolean;
  depth: number;
}
export interface Box {
  id: string;
  name: string;
  kind: "session" | "vat" | "device" | "nobody";
  incarnation: number | null;
  state: string;
  worker: string;
  note: string;
  hue: number;
  rows: Row[];
  more: number;
  waiting: number;
  computrons: number | null;
}
export interface Arrow {
  holder: string;
  holder_row: string | null;
  owner: string;
  row: string;
  count: number;
  waits: boolean;
}
export interface Waiting {
  id: string;
  position: number;
  what: string;
  args: string;
  source: string;
  target_box: string;
  target_row: string;
  target: string;
  where: string;
  record: number | null;
  result: string | null;
}
export interface World {
  at: number | null;
  crank: number;
  boxes: Box[];
  arrows: Arrow[];
  waiting: Waiting[];
  waiting_total: number;
  elsewhere: number;
  left_out: string[];
  further: string; // the id that draws more vats; empty: all are drawn
}
export interface Link {
  text: string;
  crank: number | null;
  cell: number | null;
  where: string;
  side: "up" | "here" | "down";
}
export interface Tick {
  crank: number;
  vat: string;
  what: string;
  args: string;
  outcome: string;
  error: string;
  prints: string[];
  computrons: number | null;
  parent: string;
  chain: Link[];
  target: string;
  result: string;
}
export interface Field {
  name: string;
  value: string;
  history: { crank: number; value: string }[];
  since: number | null;
}
export interface Method {
  name: string;
  signature: string;
  doc: string;
  line: number;
}
export interface Code {
  part: string;
  first: number;
  mark: number;
  lines: string[];
}
export interface KernelRow {
  vat: string;
  vref: string;
  kref: string;
  direction: "export" | "import";
  reachable: boolean;
  counts: string;
  label: string;
  vat_id: string;
}
export interface Verb {
  verb: "bind" | "send" | "suspend" | "resume" | "drop" | "upgrade" | "break" | "trace";
  label: string;
  enabled: boolean;
  why: string;
}
export interface Inspected {
  subject: string;
  kind: "object" | "promise" | "vat" | "device" | "message" | "crank";
  title: string;
  subtitle: string;
  vat: string;
  whose: string; // the name of that vat
  fields: Field[];
  methods: Method[];
  held: string[];
  alive: string[];
  waiting: Waiting[];
  last: string;
  last_crank: number | null;
  code: Code | null;
  kernel: KernelRow[];
  more_kernel: number;
  verbs: Verb[];
  notes: string[];
  doc: string;
}
export interface Hit {
  subject: string;
  kind: string;
  text: string;
  where: string;
  crank: number | null;
}
export interface Found {
  text: string;
  hits: Hit[];
  more: boolean;
  notes: string[];
}
export interface Watched {
  view: "" | "console" | "costs" | "market" | "proposals";
  headline: string;
  rows: any[]; // of the tables that `watch.js` draws
}
export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
  column: number;
}
export type Message = { kind: string } & Record<string, unknown>;
export type Send = (message: Message) => void;
