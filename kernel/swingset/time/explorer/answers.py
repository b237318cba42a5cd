"""What the explorer answers: plain, frozen data, safe to show and bounded however large the world is.

Every text has passed `swingset.model.visible`, so none can hide itself or pass for another line. Every tuple
has a limit, and a number beside it says how much more there is. A *subject* is a text that names what can be
asked about: a kref such as `ko21`, a vat's id such as `v2`, `crank:8412`, or `waiting:q17` for an event that
waits. The ids of boxes and rows that stand for one thing are such subjects; the id of a row that stands for
several equal objects begins with `g:`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from swingset.lens.pictures.scene import Sort
from swingset.lens.present.rows import Direction

MarkKind = Literal[
    "checkpoint", "created", "upgraded", "renewed", "suspended", "resumed", "terminated", "error", "cut"
]
"""What a mark of the timeline says."""

RowSort = Literal[Sort, "name"]
"""What a row of a box stands for: a thing, as in a picture, or a name of the session."""

BoxKind = Literal["session", "vat", "device", "nobody"]
"""What a box stands for; `nobody` has the objects that have lost their owner."""

SubjectKind = Literal["object", "promise", "vat", "device", "message", "crank"]
"""What a subject is."""

HitKind = Literal["vat", "kind", "object", "promise", "name", "field", "method", "message", "print"]
"""Where the text of a search was found."""

LinkSide = Literal["up", "here", "down"]
"""Whether a step led to the one that was asked about, is it, or followed."""

VerbName = Literal["bind", "send", "suspend", "resume", "drop", "upgrade", "break", "trace"]
"""What can be done with a subject."""


@dataclass(frozen=True)
class Lane:
    """One row of the timeline: the cranks of one vat.

    `vat` is its id; it is empty for cranks of the kernel alone, and for the lane of all vats that have none
    of their own. `hue` is the number of its colour, by order of creation: a vat keeps it, and its box has the
    same.
    """

    vat: str
    name: str
    hue: int


@dataclass(frozen=True)
class Bin:
    """The cranks of one lane in one column of the timeline: how many, the first and last, how many failed.

    `lane` is the place of the lane in `Timeline.lanes`. A tick is a bin of one crank.
    """

    lane: int
    column: int
    cranks: int
    first: int
    last: int
    errors: int


@dataclass(frozen=True)
class Mark:
    """Something that people look for.

    `crank` is the one after which it was so, `kind` what it is, and `text` says it in words.
    """

    crank: int
    kind: MarkKind
    text: str


@dataclass(frozen=True)
class Timeline:
    """The cranks from `since` to `until`, in `columns` columns of `width` cranks each.

    `present` is the last crank of the world, and `first` the first that is left of its past. `more_marks` is
    how many marks of this stretch are not listed. `commits` are the cranks after which the world was
    committed; if there are too many to tell them apart, there are only so many `more_commits`.
    """

    since: int
    until: int
    first: int
    present: int
    columns: int
    width: int
    lanes: tuple[Lane, ...]
    bins: tuple[Bin, ...]
    marks: tuple[Mark, ...]
    more_marks: int = 0
    commits: tuple[int, ...] = ()
    more_commits: int = 0


@dataclass(frozen=True)
class Row:
    """One line of a box: an object, a promise, several that are equal, a name of the session, or the rest.

    Objects are equal if they are of the same kind in the same vat and the same vats hold them. `count` is how
    many the row stands for, and `krefs` are the first of them. `opens` says that its id may be given as
    `opened`, and `opened` that it was. `depth` is 1 for a member of an opened row.
    """

    id: str
    sort: RowSort
    label: str
    note: str = ""
    count: int = 1
    krefs: tuple[str, ...] = ()
    opens: bool = False
    opened: bool = False
    depth: int = 0


@dataclass(frozen=True)
class Box:
    """A vat, the session, a device, or the objects without an owner.

    `state` is that of the vat, and `note` says why and where it was suspended. `more` is how many rows are
    not listed: the row of sort `rest` opens them. `waiting` is how many events are parked for it.
    """

    id: str
    name: str
    kind: BoxKind
    incarnation: int | None = None
    state: str = ""
    worker: str = ""
    note: str = ""
    hue: int = 0
    rows: tuple[Row, ...] = ()
    more: int = 0
    waiting: int = 0
    computrons: int | None = None


@dataclass(frozen=True)
class Arrow:
    """References from a box, or from a name in it, to a row of another box.

    `holder` and `owner` are ids of boxes, `holder_row` and `row` ids of rows. `count` is how many references
    it stands for. `waits` says that the holder waits for a promise.
    """

    holder: str
    holder_row: str | None
    owner: str
    row: str
    count: int
    waits: bool = False


@dataclass(frozen=True)
class Waiting:
    """One event that waits, in the order in which events will run.

    `what` is the method or the kind of the event, `args` its arguments in words. `source` is the id of the
    box that sent it, empty for the host. `target` says in words whom it is for; `target_box` and `target_row`
    are where that is drawn, empty if it is not. `where` is empty in the run-queue, else what it waits for.
    `record` is the number of the record that sent it.
    """

    id: str
    position: int
    what: str
    args: str
    source: str
    target_box: str
    target_row: str
    target: str
    where: str
    record: int | None = None
    result: str | None = None


@dataclass(frozen=True)
class Folded:
    """The picture of a world at one moment, folded so that it can be read.

    `at` is the crank that was asked for, None for the present; `crank` is that of the moment. `waiting` has
    the first events that wait, `waiting_total` counts all of them, and `elsewhere` those of them that are not
    in the run-queue. `left_out` says what is not drawn; opening `further` draws more of the vats, and it is
    empty if all are drawn.
    """

    at: int | None
    crank: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    waiting: tuple[Waiting, ...]
    waiting_total: int
    elsewhere: int
    left_out: tuple[str, ...]
    further: str = ""


@dataclass(frozen=True)
class Link:
    """One step of a chain of causes: its text, its crank or its cell, and the place in code, if known.

    `side` is `up` for what led to the step that was asked about, `here` for itself, `down` for what followed.
    """

    text: str
    crank: int | None = None
    cell: int | None = None
    where: str = ""
    side: LinkSide = "here"


@dataclass(frozen=True)
class Tick:
    """One crank: the event, its outcome and cost, what was printed, and why it happened.

    `what` is the method or the kind of the event, `error` the error in words, empty if there was none.
    `result` is the value that it was answered with, if that is known. `parent` says who sent it. `chain`
    leads from the cell or the host down to this crank, and on to what followed.
    """

    crank: int
    vat: str
    what: str
    args: str
    outcome: str
    error: str
    prints: tuple[str, ...]
    computrons: int | None
    parent: str
    chain: tuple[Link, ...]
    target: str = ""
    result: str = ""


@dataclass(frozen=True)
class Change:
    """An earlier value of a field.

    `value` is in words. `crank` is the crank in which the field got it, 0 if that is before the past that is
    left.
    """

    crank: int
    value: str


@dataclass(frozen=True)
class Field:
    """One field of an object: its value in words, and its earlier values, newest first.

    `since` is the crank in which it got its value, if that is known.
    """

    name: str
    value: str
    history: tuple[Change, ...] = ()
    since: int | None = None


@dataclass(frozen=True)
class Method:
    """A method that the source of an object's class has.

    `signature` is without `self`, `doc` is its docstring, and `line` where it begins in its cell.
    """

    name: str
    signature: str
    doc: str
    line: int


@dataclass(frozen=True)
class Code:
    """Lines of a vat's source.

    `part` is their cell, `first` the number of the first of them, and `mark` that of the line to mark.
    """

    part: str
    first: int
    mark: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class KernelRow:
    """One entry of a c-list: the vat, its own name and the kernel's, and whether it can reach it.

    `counts` are the kernel's counts: `reachable,recognizable` of an object, the references to a promise.
    `vat_id` and `kref` are subjects.
    """

    vat: str
    vref: str
    kref: str
    direction: Direction
    reachable: bool
    counts: str
    label: str = ""
    vat_id: str = ""


@dataclass(frozen=True)
class Verb:
    """Something that can be done with a subject.

    `label` is what its button says. If it is not `enabled`, it cannot be done now, and `why` says the reason.
    """

    verb: VerbName
    label: str
    enabled: bool
    why: str = ""


@dataclass(frozen=True)
class Inspected:
    """All that is known of one subject.

    `held` are the names of those who hold it, `alive` says why it is alive, `waiting` are the events that
    wait for it. `last` is what was delivered to it last, in crank `last_crank`. `kernel` are entries of
    c-lists, of which `more_kernel` are not listed. `notes` say what was not looked for.
    """

    subject: str
    kind: SubjectKind
    title: str
    subtitle: str
    vat: str
    fields: tuple[Field, ...] = ()
    methods: tuple[Method, ...] = ()
    held: tuple[str, ...] = ()
    alive: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    last: str = ""
    last_crank: int | None = None
    code: Code | None = None
    kernel: tuple[KernelRow, ...] = ()
    more_kernel: int = 0
    verbs: tuple[Verb, ...] = ()
    notes: tuple[str, ...] = ()
    doc: str = ""


@dataclass(frozen=True)
class Hit:
    """One place where a search found its text.

    `subject` is what the place belongs to, and `kind` what the place is. `text` is the text around what was
    found, `where` says in words where it is, and `crank` in which crank, if it is of the past.
    """

    subject: str
    kind: HitKind
    text: str
    where: str
    crank: int | None = None


@dataclass(frozen=True)
class Hits:
    """What a search found; `more` says that there is more, `notes` what was not searched."""

    hits: tuple[Hit, ...]
    more: bool = False
    notes: tuple[str, ...] = ()
