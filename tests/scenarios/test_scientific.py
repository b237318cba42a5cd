"""Arrays and frames between a session and vats that have numpy and pandas, and vats that have not."""

from __future__ import annotations

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
    ("value", "library", "kind"),
    [
        (numpy.arange(3), "numpy", "ndarray"),
        (numpy.float64(1), "numpy", "npscalar"),
        (FRAME, "pandas", "dataframe"),
        (pandas.Timestamp("2024-01-01"), "pandas", "timestamp"),
    ],
    ids=["array", "scalar", "frame", "moment"],
)
def test_a_vat_of_the_lean_engine_says_what_it_lacks(
    make_stage: MakeStage, value: object, library: str, kind: str
) -> None:
    """The sender learns which vat it is, which library, and which engine has it."""
    stage = make_stage("wasm")
    echo = stage.define("echo", ECHO.format(imports=""))
    words = f"a value of type {kind} came, and vat echo has no {library}: start it on the scientific engine"
    with pytest.raises(TypeError, match=words):
        stage.ask(echo, "same", value)


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
