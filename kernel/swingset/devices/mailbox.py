"""The mailbox device: messages to and from peers outside, each delivered once even if it is carried often.

An outgoing message has a number and stays in the outbox until the peer acknowledges it. An incoming message
is delivered only if its number is higher than all before, so the carrier may repeat messages, and a host that
stops halfway loses none. The vat acknowledges what it has processed; the carrier takes the acknowledgement
along with the outbox.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from swingset.core.device_board import DeviceContext, DeviceError
from swingset.core.errors import KernelError
from swingset.devices import plain
from swingset.model.capdata import CapData

_PEER = re.compile(r"[A-Za-z0-9._-]{1,199}\Z", re.ASCII)
_METHODS = ("register", "send", "ack")
_NEW = {"sent": 0, "delivered": 0, "acked": 0}


class MailboxDevice:
    """Serves devices of kind `mailbox`."""

    kind = "mailbox"

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Serve `register(handler)`, `send(peer, body)` and `ack(peer, number)`."""
        if method == "register":
            return plain.register(args, context)
        if method == "send":
            peer, body = plain.arguments(args, method, "peer", "body")
            known = self._peer(peer, context)
            known["sent"] += 1
            context.set(f"out.{peer}/{known['sent']:015d}", plain.write(plain.text(body, "body")))
            context.set(f"peer.{peer}", plain.write(known))
            return plain.write(known["sent"])
        if method == "ack":
            peer, number = plain.arguments(args, method, "peer", "number")
            known = self._peer(peer, context)
            known["acked"] = max(known["acked"], min(plain.whole(number, "number"), known["delivered"]))
            context.set(f"peer.{peer}", plain.write(known))
            return plain.NOTHING
        raise plain.no_method("the mailbox device", method, *_METHODS)

    # For the host

    def outbox(self, context: DeviceContext) -> dict[str, dict[str, Any]]:
        """What is to be carried: by peer, `{"messages": [[number, body], ...], "ack": N}`."""
        found = {}
        for key in context.keys("peer."):
            peer = key.removeprefix("peer.")
            messages = []
            for entry in context.keys(f"out.{peer}/"):
                body = plain.kept(context, entry, lambda value: isinstance(value, str))
                messages.append([plain.number_in(context, entry, f"out.{peer}/"), body])
            found[peer] = {"messages": messages, "ack": self._peer(peer, context)["acked"]}
        return found

    def receive(self, peer: str, messages: Sequence[Sequence[Any]], ack: int, context: DeviceContext) -> int:
        """Deliver what a peer's carrier brought, and drop what the peer acknowledges.

        Returns how many messages were new. Raises `KernelError` if no vat has registered, or for bad mail.
        """
        handler = plain.kept_reference(context, "handler")
        if handler is None:
            raise KernelError("no vat has registered with the mailbox yet: nothing was taken")
        try:
            known = self._peer(peer, context)
            for entry in context.keys(f"out.{peer}/"):
                if plain.number_in(context, entry, f"out.{peer}/") <= plain.whole(ack, "ack"):
                    context.set(entry, None)
            new = 0
            for number, body in sorted(messages, key=lambda message: message[0]):
                if plain.whole(number, "number") > known["delivered"]:
                    known["delivered"] = number
                    told = plain.write(["deliver", [peer, number, plain.text(body, "body")]])
                    context.send(handler, told)
                    new += 1
        except DeviceError as error:
            raise KernelError(f"mail from {peer!r}: {error}") from None
        context.set(f"peer.{peer}", plain.write(known))
        return new

    def _peer(self, peer: object, context: DeviceContext) -> dict[str, int]:
        if not isinstance(peer, str) or not _PEER.match(peer):
            raise DeviceError(f"bad peer name {plain.shown(peer)}: letters, digits, '.', '_' and '-'")
        found: dict[str, int] | None = plain.kept(context, f"peer.{peer}", _is_peer)
        return dict(_NEW) if found is None else found


def _is_peer(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == set(_NEW) and all(map(plain.is_number, value.values()))
