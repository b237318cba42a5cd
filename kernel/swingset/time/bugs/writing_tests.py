"""Writes acts as a file for pytest: calls of the public API, and whatever a stranger wrote as a literal."""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from swingset.model.capdata import CapData
from swingset.model.visible import one_line, visible
from swingset.time.bugs.acting import worker_of
from swingset.time.bugs.acts import PLAIN, Act, Called, KrefOf, Made, Origin, Replies


def written(acts: Sequence[Act], name: str, shows: str | None, code: Mapping[str, str], about: str) -> str:
    """The text of the file `test_NAME.py`."""
    file = _File(acts, code)
    body = file.body(shows)
    about = one_line(about, 200).replace("\\", "/").replace('"', "'")
    wants = (
        "Every vat starts, and every upgrade is accepted."
        if shows is None
        else "What `BUG` says never holds."
    )
    lines = [
        f'"""{wants} The shortest history that showed it, made of {about}."""',
        "",
        *(["from pathlib import Path", ""] if file.reads else []),
        "import swingset",
        "",
        *([f"BUG = {literal(shows)}", ""] if shows is not None else []),
        *file.sources(),
        "",
        f"def test_{name}() -> None:",
        f'    """{wants}"""',
        f"    with swingset.open_world(worker={literal(worker_of(acts))}) as world:",
        *(["        session = swingset.Session(world)"] if file.has_session else []),
        *(f"        {line}" for line in body),
    ]
    return "\n".join(lines) + "\n"


def literal(value: Any) -> str:
    """A value as Python text, without a character that is not drawn."""
    if type(value) is float and (value != value or value in (float("inf"), float("-inf"))):
        return f"float({str(value)!r})"
    return repr(value)


class _File:
    """The names that a file uses, and its lines."""

    def __init__(self, acts: Sequence[Act], code: Mapping[str, str]) -> None:
        self._acts = acts
        self._code = code
        self._constants: dict[
            tuple[str, str], str
        ] = {}  # names of sources, by the name of the part and its text
        self._last = {act.vat: act.number for act in acts if act.parts}
        self._used = {number for act in acts for number in act.needs()}
        self._roots = {
            origin.vat for act in acts for origin in replace(act, target=None).origins() if origin.vat
        }
        self.has_session = any(act.kind in ("bundle", "own") for act in acts)
        self._root_names = {vat: f"root_{number}" for number, vat in enumerate(sorted(self._roots), 1)}
        self._results = {act: f"result_{number}" for number, act in enumerate(sorted(self._used), 1)}
        self.reads = any(vat in code for vat in self._last)
        for act in acts:
            for part, source in act.parts:
                if not self._is_file(act, part):
                    self._constants.setdefault((part, source), self._constant(part))

    def sources(self) -> list[str]:
        """The lines with the sources of the vats."""
        lines: list[str] = []
        for (_part, source), constant in self._constants.items():
            lines += [*_source(constant, source), ""]
        return lines

    def body(self, shows: str | None) -> list[str]:
        """The lines of the test."""
        lines = []
        for act in self._acts:
            if act.kind == "run":
                lines.append(
                    "assert not swingset.until(world, BUG).held" if shows is not None else "world.run()"
                )
            else:
                lines.append(self._line(act))
        if shows is not None:
            lines.append("assert not swingset.until(world, BUG).held")
        return lines

    def _line(self, act: Act) -> str:
        given = ""
        if act.parameters != PLAIN or act.slots:
            slots = f", ({''.join(f'{self._kref(slot)}, ' for slot in act.slots)})" if act.slots else ""
            given = f", parameters=swingset.CapData({literal(act.parameters)}{slots})"
        match act.kind:
            case "create":
                kind = "" if act.worker == worker_of(self._acts) else f", worker={literal(act.worker)}"
                options = f", options={self._value(dict(act.options))}" if act.options else ""
                call = f"world.create_vat({literal(act.vat)}, {self._parts(act)}{given}{kind}{options})"
                return self._named(act, call)
            case "ask":
                given = ", ".join(
                    [*([self._parts(act)] if act.parts else []), *map(self._value, act.args)]
                    + [f"{name}={self._value(value)}" for name, value in act.kwargs.items()]
                )
                which = "[0]" if act.method == "clone_vat" else ""  # its root
                return self._named(act, f"world.{act.method}({given}){which}")
            case "bundle":
                return self._named(act, f"session.kref_of(session.devices.bundle({self._parts(act)}))")
            case "own":
                answers = literal({body: list(found) for body, found in act.args[0].answers.items()})
                call = f"swingset.recorded_object(session, {literal(act.method)}, {answers})"
                return self._named(act, call)
            case "upgrade":
                return f"world.upgrade_vat({literal(act.vat)}, {self._parts(act)}{given})"
            case "terminate":
                return f"world.terminate_vat({literal(act.vat)})"
            case "suspend" | "resume":
                return f"world.vats.{act.kind}({literal(act.vat)})"
        assert act.target is not None
        args = f"[{', '.join(self._value(arg) for arg in act.args)}]"
        if act.kwargs:
            named = ", ".join(f"{literal(key)}: {self._value(value)}" for key, value in act.kwargs.items())
            args += f", {{{named}}}"
        method = literal(act.method)
        bid = "".join(f", {name}={literal(part)}" for name, part in (act.bid or {}).items())
        if act.target.vat:
            send = "market.send" if bid else "queue_to_root"
            call = f"world.{send}({literal(act.target.vat)}, {method}, {args}{bid})"
        else:
            target = self._kref(replace(act.target, promise=not act.target.path))
            send = "market.send_to_object" if bid else "queue_to_object"
            call = f"world.{send}({target}, {method}, {args}{bid})"
        return self._named(act, call)

    def _named(self, act: Act, call: str) -> str:
        """A call, whose result gets a name if a later act mentions it."""
        name = self._root_names.get(act.starts) or self._results.get(act.number)
        return f"{name} = {call}" if name else call

    def _kref(self, origin: Origin) -> str:
        """The kref of what comes from an origin, as Python text."""
        if origin.vat:
            return self._root_names[origin.vat]
        name = self._results[origin.act]
        if origin.promise:
            return name
        return f"world.resolution({name})" + "".join(f"[{literal(step)}]" for step in origin.path) + ".kref"

    def _value(self, value: Any) -> str:
        if type(value) is Origin:
            kref = self._kref(value)
            return kref.removesuffix(".kref") if kref.endswith(".kref") else f"swingset.Ref({kref})"
        if type(value) is Made:
            return self._results[value.act]
        if type(value) is KrefOf:
            return self._kref(value.origin)
        if type(value) is Replies:
            answers = {args: list(bodies) for args, bodies in value.answers.items()}
            return f"swingset.recorded_answers({literal(answers)})"
        if type(value) is Called:
            return f"swingset.recorded_device({literal(value.kind)}, {literal(list(value.calls))})"
        if type(value) is CapData:
            return f"swingset.CapData({literal(value.body)})"
        if type(value) is list:
            return f"[{', '.join(map(self._value, value))}]"
        if type(value) is tuple:
            return f"({''.join(f'{self._value(item)}, ' for item in value)})"
        if type(value) is dict:
            return f"{{{', '.join(f'{literal(key)}: {self._value(item)}' for key, item in value.items())}}}"
        return literal(value)

    def _is_file(self, act: Act, part: str) -> bool:
        """Whether the test reads a part from a file: the vat's own cell, as of its last start."""
        return part == act.vat and act.vat in self._code and self._last[act.vat] == act.number

    def _parts(self, act: Act) -> str:
        parts = []
        for part, source in act.parts:
            text = self._constants.get((part, source), "")
            if self._is_file(act, part):
                text = f"(Path(__file__).parent / {literal(self._code[act.vat])}).read_text('utf-8')"
            parts.append(f"({literal(part)}, {text})")
        return f"[{', '.join(parts)}]"

    def _constant(self, part: str) -> str:
        """A name for the source of a part: the part's own, if it can be one."""
        wanted = (
            "".join(char if char.isascii() and char.isalnum() else "_" for char in part[:60])
            .upper()
            .strip("_")
        )
        if not wanted.isidentifier() or keyword.iskeyword(wanted) or wanted == "BUG":
            wanted = f"PART_{wanted}".rstrip("_")
        taken, name, number = set(self._constants.values()), wanted, 1
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        return name


def _source(constant: str, source: str) -> list[str]:
    """The lines that give a source its name: as it is where that is safe, else as literals line by line."""
    if visible(source) == source and "\\" not in source and '"""' not in source and source[-1:] != '"':
        return f'{constant} = """{source}"""'.split("\n")
    return [f"{constant} = (", *(f"    {line!r}" for line in source.splitlines(keepends=True)), ")"]
