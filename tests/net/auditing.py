"""Counts again what the rows of a hub's store use, and compares it with the counts that are kept there."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.net.bench import World


def audit(world: World) -> None:
    """Fail if a count is wrong, or a row belongs to a session that has ended."""
    rows: dict[str, Any] = {key[4:]: json.loads(text) for key, text in world.store.table.items()}
    uses: Counter[str] = Counter()
    open_ = {key[2:] for key in rows if key.startswith("s.")}
    sessions = {row["session"] for key, row in rows.items() if key.startswith("s.") and "session" in row}
    held = Counter(key.split(".")[1] for key in rows if key.startswith("w."))
    used: dict[str, Counter[str]] = {conn: Counter() for conn in open_}
    for key, row in rows.items():
        sort, _, rest = key.partition(".")
        conn = rest.partition(".")[0]
        if sort in "xyiaqhkXYIJ" and len(sort) == 1:
            assert conn in open_, key
        if sort == "x":
            used[conn]["exports"] += 1
            if row[0] in ("o", "c"):
                uses[row[1]] += 1
                assert rows[f"y.{conn}.{row[1]}"] == int(rest.partition(".")[2]), key
        elif sort == "a":
            used[conn]["answers"] += 1
            uses[row] += 1
        elif sort == "i":
            used[conn]["imports"] += 1
        elif sort == "X":
            number = int(rest.partition(".")[2])
            used[conn]["answers" if number > 0 else "exports"] += number != 0
            used[conn]["due"] += row["due"] is True
            uses[row["name"]] += 1
        elif sort == "Y":
            assert rows[f"X.{conn}.{row}"]["name"] == rest.partition(".")[2], key
        elif sort == "I":
            used[conn]["imports"] += 1
        elif sort == "J":
            used[conn]["answers"] += 1
            uses.update([*row["slots"], *row["waits"]])
        elif sort == "f":
            uses[row] += 1
        elif sort in ("g", "v") and conn in sessions:
            holder = rows[f"b.{conn}"]
            used[holder]["gifts"] += 1
            if sort == "g":
                uses[row[0]] += 1
        elif sort == "w":
            uses.update(row[1])
        elif sort == "c":
            uses.update(row.get("slots", []))
            uses.update(sink[1] for sink in row["sinks"] if sink[0] == "tell")
            if row.get("embargo") is not None and not row["state"]:
                uses[row["embargo"]] += 1
            assert held[rest] == row["held"], key
            assert not (row["state"] and row["uses"] <= 0), key
            if row["state"] == 0 and row["name"] is not None:
                assert rows[f"p.{row['name']}"] == f"c{rest}", key
        elif sort == "p":
            assert rows[f"c.{row[1:]}"]["name"] == rest, key
        elif sort == "o" and row.get("through") is not None:
            uses[row["through"]] += 1
        assert sort not in ("g", "v", "b") or conn in sessions, key
    for conn, counts in used.items():
        for what in ("exports", "imports", "answers", "gifts"):
            assert rows[f"s.{conn}"][what] == counts[what], (conn, what)
        assert rows[f"s.{conn}"].get("due", 0) == counts["due"], conn
    for key, row in rows.items():
        sort, _, rest = key.partition(".")
        if sort == "c":
            assert row["uses"] == uses.pop(f"c{rest}", 0), key
        elif sort == "u":
            assert row == uses.pop(rest, 0), key
    missing = {name for name in uses if name.startswith("c") and f"c.{name[1:]}" in rows}
    assert not missing, missing
    assert not [name for name in uses if not name.startswith("c")], uses
    webs = Counter(rows[f"s.{conn}"]["web"] for conn in open_ if "web" in rows[f"s.{conn}"])
    assert rows.get("sessions", 0) == len(open_) - webs.total()
    assert rows.get("clients", 0) == webs.total()
    assert {key[7:]: row for key, row in rows.items() if key.startswith("visits.")} == webs
    assert not any("this side failed" in event["why"] for event in world.events), world.events
