"""What can be done with a thing, and if it cannot be done now, why not and what helps."""

from __future__ import annotations

from swingset.time.explorer.answers import Verb, VerbName
from swingset.time.explorer.seen import Seen
from swingset.world.vats import SUSPENDED, TERMINATED, VatRecord

_PAST = "this is the past: go on from here, or return to the present"


def verb(seen: Seen, name: VerbName, label: str, why: str = "") -> Verb:
    """A verb that can be used unless `why` says why not; in the past only a trace can."""
    if not seen.is_present and name != "trace":
        why = _PAST
    return Verb(name, label, not why, why)


def of_vat(seen: Seen, vat: VatRecord, last: int | None) -> tuple[Verb, ...]:
    """What can be done with a vat."""
    name, gone = vat.name, f"{vat.name} is terminated" if vat.state == TERMINATED else ""
    own = "it is the session itself" if vat.attached else gone
    asleep = vat.state == SUSPENDED
    parked = seen.store.world.rows("SELECT 1 from parked where vat = ? limit 1", (vat.id,))
    waits = "" if parked else "nothing is parked for it"
    return (
        verb(seen, "bind", "Bind its root to a name", gone),
        verb(seen, "suspend", "Suspend", own or (f"{name} is suspended already" if asleep else "")),
        verb(seen, "resume", "Resume", own or ("" if asleep else f"{name} is not suspended")),
        verb(seen, "drop", "Drop the first parked event", own or waits),
        verb(seen, "upgrade", "Upgrade…", own),
        verb(seen, "break", "Break on it", gone),
        traced(seen, last, vat),
    )


def of_object(seen: Seen, owner: VatRecord | None, last: int | None) -> tuple[Verb, ...]:
    """What can be done with an object."""
    gone = "" if owner is not None and owner.state != TERMINATED else "its vat is gone"
    own = "it is the session's own" if owner is not None and owner.attached else gone
    return (
        verb(seen, "bind", "Bind to a name", gone),
        verb(seen, "send", "Send…", gone),
        verb(seen, "break", "Break on it", gone),
        traced(seen, last, owner),
        verb(seen, "upgrade", "Upgrade its vat…", own),
    )


def traced(seen: Seen, last: int | None, vat: VatRecord | None) -> Verb:
    """Whether the last delivery can be traced."""
    why = ""
    if last is None:
        why = "no delivery to it is in the records that were looked through"
    elif vat is not None and vat.attached:
        why = "what the session does is not repeated"
    return verb(seen, "trace", "Trace last", why)
