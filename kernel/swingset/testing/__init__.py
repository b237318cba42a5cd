"""What tests of a world can lean on: an auditor that counts everything again, and crashes at every step.

Call the auditor between cranks; it reads, and never writes.

    problems = audit(controller.kernel.store)
    assert not problems, "\\n".join(problems)

`crash_everywhere` crashes a scenario at each of its steps, and checks what is left.

    report = crash_everywhere([make_the_bank, open_a_purse, upgrade_the_bank])
    assert report.sound, report
"""

from swingset.lens.state.audit import audit, audit_holdings
from swingset.testing.crashing import CrashMode, CrashReport, crash_everywhere
from swingset.testing.lives import CrashProblem

__all__ = ["CrashMode", "CrashProblem", "CrashReport", "audit", "audit_holdings", "crash_everywhere"]
