"""What a host asks for when it wants a clone of a vat.

The request only queues the event. Whether the vat can be cloned turns out in the crank, because other events
may run before it (`swingset.core.cloning`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from swingset.core.errors import KernelError, VatExists
from swingset.core.kernel import Kernel
from swingset.core.options import NAME_WANTS, name_trouble, reserved
from swingset.model.foreign import shown
from swingset.model.messages import CloneVat
from swingset.model.refs import is_kref
from swingset.model.states import QueuedPolicy


def queue_clone(
    kernel: Kernel,
    name: str,
    clone: str,
    refs: Sequence[str],
    *,
    options: dict[str, Any] | None = None,
    queued: QueuedPolicy = "refuse",
    first: bool = False,
) -> str:
    """Queue the making of a clone of a vat, with objects of its own for the exports `refs`.

    Returns the promise for `{"refs": [...]}`, which the host holds. Raises `KernelError` for a name, an
    object, an option or a policy that is not allowed.
    """
    vat, store = kernel.vat(name), kernel.store
    if (trouble := name_trouble(clone)) is not None:
        raise KernelError(f"{trouble}: {NAME_WANTS}")
    if (taken := reserved(clone)) is not None:
        raise KernelError(taken)
    if store.vats.named(clone) is not None:
        raise VatExists(f"vat {clone} exists; give the clone another name")
    if queued not in get_args(QueuedPolicy):
        raise KernelError(f"queued wants {', '.join(get_args(QueuedPolicy))}, got {shown(queued)}")
    for kref in refs:
        if not is_kref(kref) or kref[1] != "o" or store.objects.get(kref) is None:
            raise KernelError(f"there is no object {shown(kref)} in this world: list exports of vat {name}")
    found = kernel.checked_options(clone, options or {}, changing=True)
    if not vat.attached:
        kernel.warehouse.factory(vat.worker)
    asked = {"vat": vat.id, "name": clone, "refs": list(refs), "options": found, "queued": queued}
    with kernel.request("clone-vat", **asked, first=first):
        result = store.new_promise(None, "ignore")
        store.hold(result)
        event = CloneVat(vat.id, store.new_vat_id(), clone, tuple(refs), found, queued, result)
        store.enqueue(event, first=first)
    return result
