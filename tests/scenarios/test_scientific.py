"""Arrays and frames between a session and vats that have numpy and pandas, and vats that have not."""

from __future__ import annotations

import re

import numpy
import pandas
import pytest

from tests.conftest import MakeStage

ECHO = """
    {imports}
    from swingset.vat import remotable

    @remotable
    class Echo:
        def same(self, value):
            return value

        def array(self):
            return numpy.arange(6).reshape(2, 3) * 1.5

        def frame(self):
            days = pandas.date_range("2024-01-01", periods=2, tz="Europe/Paris")
            return pandas.DataFrame({{"day": days, "city": ["Rome", None]}})

        def total(self, values: "numpy.ndarray"):
            return values.sum()

    def build_root_object():
        return Echo()
"""

FRAME = pandas.DataFrame(
    {"day": pandas.date_range("2024-01-01", periods=2, tz="Europe/Paris"), "city": ["Rome", None]}
)


@pytest.mark.parametrize(
    ("value", "library", "what", "plain"),
    [
        (numpy.arange(3), "numpy", "array", "x.tolist()"),
        (numpy.float64(1), "numpy", "number", "x.item()"),
        ([numpy.int64(1)], "numpy", "number", "x.item()"),
        (numpy.True_, "numpy", "number", "x.item()"),
        (FRAME, "pandas", "DataFrame", 'x.to_dict("list")'),
        (FRAME["city"], "pandas", "Series", "x.tolist()"),
        (pandas.Timestamp("2024-01-01"), "pandas", "Timestamp", "x.to_pydatetime()"),
        (pandas.Timedelta(1, "s"), "pandas", "Timedelta", "x.to_pytimedelta()"),
    ],
    ids=["array", "scalar", "in a list", "bool", "frame", "series", "moment", "span"],
)
def test_a_vat_of_the_lean_engine_says_what_it_lacks(
    make_stage: MakeStage, value: object, library: str, what: str, plain: str
) -> None:
    """The sender learns which vat it is, which library it lacks, and what to pass."""
    stage = make_stage("wasm")
    echo = stage.define("echo", ECHO.format(imports=""))
    words = f"a {library} {what} came, and vat echo has no {library}: pass {plain} instead"
    with pytest.raises(TypeError, match=re.escape(words)):
        stage.ask(echo, "same", value)


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_arrow_table_is_refused_with_what_passes(make_stage: MakeStage, wrapped: bool) -> None:
    """No engine has its library, so it is the sender who learns what to pass, and where in the arguments."""
    table = type("Table", (), {"__module__": "pyarrow.lib"})()
    stage = make_stage("wasm")
    echo = stage.define("echo", ECHO.format(imports=""))
    words = "no vat has pyarrow: pass x.to_pandas() to a vat that has pandas, or x.to_pylist()"
    with pytest.raises(TypeError, match=re.escape(words)):
        stage.ask(echo, "same", {"sales": [table]} if wrapped else table)


@pytest.mark.slow
def test_the_scientific_engine_passes_arrays_and_frames(make_stage: MakeStage) -> None:
    """Both ways, with types, missing values and time zones; and a vat that has not imported them says so."""
    stage = make_stage("wasm-full")
    echo = stage.define("echo", ECHO.format(imports="import numpy, pandas"))
    assert stage.ask(echo, "array").tolist() == [[0.0, 1.5, 3.0], [4.5, 6.0, 7.5]]
    pandas.testing.assert_frame_equal(stage.ask(echo, "frame"), FRAME)
    pandas.testing.assert_frame_equal(stage.ask(echo, "same", FRAME), FRAME)
    total = stage.ask(echo, "total", numpy.arange(5.0))
    assert (type(total), total) == (numpy.float64, 10.0)
    bare = stage.define("bare", ECHO.format(imports=""))
    with pytest.raises(TypeError, match="vat bare has not imported numpy: add `import numpy` to its code"):
        stage.ask(bare, "same", numpy.arange(3))
