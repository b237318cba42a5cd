"""What tests of a world can lean on: the auditor that counts everything again.

Call it between cranks; it reads, and never writes.

    problems = audit(controller.kernel.store)
    assert not problems, "\\n".join(problems)
"""

from swingset.lens.audit import audit, audit_holdings

__all__ = ["audit", "audit_holdings"]
