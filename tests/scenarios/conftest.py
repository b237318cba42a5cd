"""What the stories about making, upgrading and ending vats share."""

from __future__ import annotations

import pytest

from tests.conftest import MakeStage
from tests.scenarios.admin import Admin
from tests.staging import Stage


@pytest.fixture(params=[False, True], ids=["", "vatAdmin-upgraded"])
def admin(request: pytest.FixtureRequest, stage: Stage) -> Admin:
    """A world with vatAdmin, which is or is not upgraded between the steps."""
    return Admin(stage, request.param)


@pytest.fixture(params=[False, True], ids=["", "vatAdmin-upgraded"])
def metered(request: pytest.FixtureRequest, make_stage: MakeStage) -> Admin:
    """The same in the engine, for only there computrons are counted."""
    return Admin(make_stage("wasm"), request.param)
