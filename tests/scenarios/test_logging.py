"""What a vat logs reaches the console of its world with its level and its line, the same on both engines."""

from __future__ import annotations

import logging

import pytest

import swingset
from tests.conftest import WORKERS, MakeStage
from tests.staging import Stage

BANK = """
import logging
from swingset.vat import remotable

log = logging.getLogger("bank")

@remotable
class Bank:
    def talk(self):
        log.info("open")
        log.warning("low on %s", "gold")
        log.error("two\\nlines")

    def fail(self):
        try:
            try:
                {}["key"]
            except KeyError:
                raise ValueError("no money")
        except ValueError:
            log.exception("oops")

    def all(self):
        logging.getLogger().setLevel("INFO")

    def own(self):
        logging.basicConfig(format="INFO:mine:%(message)s", level="INFO")

def build_root_object():
    return Bank()
"""


def told(stage: Stage, since: int) -> list[tuple[str, str, str | None]]:
    """What the console has after a crank, in the order of its levels."""
    found = swingset.console(stage.controller, since=since).shown
    return [(line.level, line.text, line.where) for line in found]


def asked(stage: Stage, bank: object, method: str) -> list[tuple[str, str, str | None]]:
    """What a message had its vat log."""
    since = stage.controller.crank
    stage.ask(bank, method)
    return told(stage, since)


def test_a_line_has_its_level_its_logger_and_its_place(stage: Stage) -> None:
    """Without any handler, warnings and worse are logged, as Python does it; what is set lasts."""
    bank = stage.define("bank", BANK)
    loud = [
        ("error", "ERROR:bank:two⏎  lines (bank, line 12, in talk)", "bank, line 12, in talk"),
        ("warning", "WARNING:bank:low on gold (bank, line 11, in talk)", "bank, line 11, in talk"),
    ]
    info = ("info", "INFO:bank:open (bank, line 10, in talk)", "bank, line 10, in talk")
    assert asked(stage, bank, "talk") == loud
    assert asked(stage, bank, "all") == []
    assert asked(stage, bank, "talk") == [*loud, info]


def test_an_exception_is_one_error_with_the_line_that_raised_it(stage: Stage) -> None:
    """Its traceback, that of what it came of too, belongs to the line."""
    ((level, text, where),) = asked(stage, stage.define("bank", BANK), "fail")
    assert (level, where) == ("error", "bank, line 19, in fail")
    assert text.startswith("ERROR:bank:oops (bank, line 21, in fail)⏎  Traceback")
    assert text.endswith("⏎  ValueError: no money")


def test_a_handler_of_the_vat_prints_in_later_deliveries_too(stage: Stage) -> None:
    """What a vat sets up for itself is kept, with the stream that it prints to."""
    bank = stage.define("bank", BANK)
    stage.ask(bank, "own")
    for _ in range(2):
        lines = asked(stage, bank, "talk")
        assert ("info", "INFO:mine:low on gold", None) in lines
        assert ("info", "INFO:mine:open", None) in lines


def test_vats_have_root_loggers_of_their_own(stage: Stage) -> None:
    """One that logs everything leaves another, with loggers of other names, as it was."""
    bank = stage.define("bank", BANK)
    shop = stage.define("shop", BANK.replace('"bank"', '"shop"'))
    stage.ask(bank, "all")
    assert "info" not in [level for level, _, _ in asked(stage, shop, "talk")]
    assert "info" in [level for level, _, _ in asked(stage, bank, "talk")]


def test_a_host_neither_gets_what_vats_log_nor_is_changed(
    local: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Its handlers and its level are not those of a vat, although both use one module."""
    root = logging.getLogger()
    before = list(root.handlers), root.level, logging.lastResort
    bank = local.define("bank", BANK)
    with caplog.at_level("CRITICAL"):
        assert "warning" in [level for level, _, _ in asked(local, bank, "talk")]
    local.ask(bank, "own")
    local.ask(bank, "fail")
    assert caplog.records == []
    assert (list(root.handlers), root.level, logging.lastResort) == before


def test_both_engines_say_the_same(make_stage: MakeStage) -> None:
    """Down to the last character, in whatever order methods are called."""
    said = []
    for worker in WORKERS:
        stage = make_stage(worker)
        bank = stage.define("bank", BANK)
        said.append([asked(stage, bank, method) for method in ("fail", "all", "talk", "own", "talk", "fail")])
    assert said[0] == said[1]


ODD = """
import logging
from swingset.vat import remotable

log = logging.getLogger("odd")

@remotable
class Odd:
    def wrong(self):
        log.error("%d", "x")

    def deep(self):
        log.error("here", stack_info=True)

    def mute(self):
        logging.disable(logging.CRITICAL)

    def filtered(self):
        logging.getLogger().addFilter(lambda record: False)

    def renamed(self):
        logging.addLevelName(logging.ERROR, "BLUNDER")

    def made(self):
        logging.setLogRecordFactory(lambda *args, **more: None)

    def talk(self):
        logging.error("no gold")

def build_root_object():
    return Odd()
"""


@pytest.mark.parametrize("method", ["wrong", "deep"])
def test_no_frame_of_a_host_is_in_what_a_vat_logs(make_stage: MakeStage, method: str) -> None:
    """What cannot be formatted, and a stack, are the same on both engines and in both depths of a host."""

    def deeper(depth: int) -> object:
        return asked(stage, odd, method) if not depth else deeper(depth - 1)

    said = []
    for worker in WORKERS:
        stage = make_stage(worker)
        odd = stage.define("odd", ODD)
        said += [asked(stage, odd, method), deeper(20)]
    assert len({str(each) for each in said}) == 1
    assert "error" in str(said[0])
    assert "/" not in str(said[0])


@pytest.mark.parametrize("method", ["mute", "filtered", "renamed", "made"])
def test_what_a_vat_sets_for_all_loggers_is_its_own(local: Stage, method: str) -> None:
    """Another vat and the host log as before."""
    odd = local.define("odd", ODD)
    other = local.define("other", ODD)
    local.ask(odd, method)
    assert [level for level, _, _ in asked(local, other, "talk")] == ["error"]
    assert logging.root.manager.disable == 0
    assert not logging.root.filters
    assert logging.getLevelName(logging.ERROR) == "ERROR"
    assert logging.getLogRecordFactory() is logging.LogRecord
