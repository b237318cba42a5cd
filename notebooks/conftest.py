"""How the notebooks here are run by the tests: slow machines must not add lines of progress to outputs."""

import os

os.environ.setdefault("SWINGSET_PROGRESS_AFTER", "600")
