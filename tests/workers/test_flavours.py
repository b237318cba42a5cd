"""Engines with some packages: they compute what the engine with all of them computes, and lack the rest."""

from __future__ import annotations

import pytest

from swingset.model.limits import Limits
from swingset.workers.wasm.engine import make_factory

from .conftest import SOURCES, SPEC, Bench

UNMETERED = Limits(computrons=None)

NUMBERS = """
import hashlib, numpy as np
rng = np.random.default_rng(7)
a = rng.normal(size=(12, 12))
b = a @ a.T
found = [
    np.linalg.svd(a)[1], np.linalg.eigvals(b), np.linalg.solve(a, a[0]), np.linalg.inv(a), b,
    np.linalg.det(a), np.linalg.eigh(b)[0], np.linalg.qr(a)[0], np.linalg.lstsq(a, a[1])[0],
    np.linalg.cholesky(b), np.sign(a),
    np.linalg.norm(a), np.linalg.pinv(a), np.linalg.matrix_rank(a), np.linalg.eig(a)[0], np.sinc(a), np.i0(a),
    np.fft.fft(a[0]), np.fft.rfft2(a), np.sort(a, axis=None), np.unique((a * 3).astype(int)),
    np.einsum("ij,ji", a, a), np.tensordot(a, a), np.kron(a, a), np.pad(a, 1), np.lexsort((a[0], a[1])),
    np.median(a), np.quantile(a, 0.3), np.cov(a), np.convolve(a[0], a[1]), np.polyfit(a[0], a[1], 2),
    np.exp(a), np.histogram(a)[0], np.cumsum(a), np.where(a > 0, a, 0), np.searchsorted(np.arange(9), 4.5),
    rng.choice(9, 5), rng.poisson(3.0, 9), rng.permutation(9), rng.beta(1, 2, 5), rng.zipf(2.0, 5),
    rng.hypergeometric(9, 5, 3, 4), rng.multinomial(9, [0.2, 0.8]), np.random.RandomState(3).rand(5),
    np.array(["b", "a"]).astype("U5"), np.strings.upper(np.array(["x", "y"])), np.array([1 + 2j]) ** 0.5,
    np.array(["2024-01-01"], dtype="datetime64[D]") + 3, np.arange(5, dtype="float16") / 3,
    np.longdouble(1) / 3, a.astype("float32") @ a.astype("float32"), (a + 1j) @ (a - 1j),
    np.unique(np.array(["x", "y", "x"], dtype=np.dtypes.StringDType())),
]
words = repr(found).encode() + b"".join(np.asarray(one).tobytes() for one in found[:-1])
print(hashlib.sha256(words).hexdigest())
"""

TABLES = """
import hashlib, io, numpy as np, pandas as pd
rng = np.random.default_rng(7)
days = pd.date_range("2024-03-01", periods=200, freq="h", tz="Europe/Paris")
cities = rng.choice(["Rome", "Oslo", None], 200)
frame = pd.DataFrame({"day": days, "city": cities, "t": rng.normal(size=200)})
by = frame.set_index("day")["t"]
found = [
    frame.groupby("city")["t"].agg(["mean", "std", "median", "nunique"]), by.resample("D").sum(),
    by.rolling(5).median(), by.rolling(5).quantile(0.3), by.rolling("9h").max(), by.ewm(3).mean(),
    by.expanding().skew(), frame.merge(frame.head(5), on="city", how="outer").head(9), frame.describe(),
    frame.pivot_table("t", "city", aggfunc="sum"), frame.sort_values(["city", "t"]), frame["t"].rank(),
    pd.concat([frame, frame]).drop_duplicates().shape, pd.read_csv(io.StringIO(frame.to_csv())).dtypes,
    pd.read_json(io.StringIO(frame.head().to_json())), frame["city"].astype("category").cat.codes,
    frame["city"].str.upper(), pd.cut(frame["t"], 4).value_counts(), frame["t"].interpolate(),
    by.shift(1, freq="D"), by.tz_convert("UTC").index[0], pd.to_datetime("1 May 2024"),
    by.index.tz_localize(None).to_period("M").value_counts(), pd.Timedelta("3 days 2h"), by.asof(days[3]),
    frame.melt("city").shape, frame.set_index(["city", "day"]).unstack(0).shape, frame.query("t > 0").shape,
    frame.corr(numeric_only=True), pd.array([1, None], dtype="Int64") + 1, frame.eval("t * 2").sum(),
    pd.IntervalIndex.from_breaks([0, 1, 2]).get_indexer([0.5, 7]), pd.util.hash_pandas_object(frame).sum(),
    pd.crosstab(frame["city"], frame["t"] > 0),
]
print(hashlib.sha256("; ".join(map(str, found)).encode()).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("flavour", "source"), [("numpy", NUMBERS), ("pandas", NUMBERS), ("pandas", TABLES)])
def test_a_flavour_computes_what_the_full_engine_computes(flavour: str, source: str) -> None:
    """The same bytes, so a result never depends on what else an engine has."""
    told = []
    for each in (flavour, "full"):
        bench = Bench(make_factory(each, SOURCES).start(SPEC))
        ran = bench.run(source, UNMETERED)
        assert ran.fault is None
        told.append(ran.console)
        bench.worker.close()
    assert told[0] == told[1] != ()


@pytest.mark.slow
@pytest.mark.parametrize(("flavour", "more"), [("numpy", ["pandas"]), ("pandas", [])])
def test_a_flavour_lacks_what_it_does_not_keep(flavour: str, more: list[str]) -> None:
    """An import of another package fails as one that is not there, and stops nothing."""
    bench = Bench(make_factory(flavour, SOURCES).start(SPEC))
    for name in ("scipy", "matplotlib", "lxml.etree", "PIL._imaging", *more):
        tried = f"try:\n    import {name}\nexcept ModuleNotFoundError as error:\n    print(error)"
        ((_, line),) = bench.run(tried, UNMETERED).console
        assert line == f"No module named '{name.partition('.')[0]}'\n"
    bench.worker.close()
