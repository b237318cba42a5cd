"""What is known of one object that was given out: until when it opens, and who has used it.

It is in the file of secrets, so it does not go back in time with the world. It never has the string itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MOST_USERS = 100
"""Of how many peers that used one string is kept how often and when; the last ones."""

_FARTHEST = 1e12


@dataclass
class Use:
    """How one peer has used what was given out.

    Attributes:
        peer: the peer, as far as it is proved who it is; else an empty text.
        times: how often.
        first: when it did first, in seconds since 1970.
        last: when it did last.
    """

    peer: str
    times: int
    first: float
    last: float


@dataclass
class Share:
    """What is known of one swissnum that was given out: never the swissnum.

    Attributes:
        digest: its SHA-256, in hexadecimal digits.
        label: what the owner calls it.
        made: when it was given out, in seconds since 1970.
        expires: after when it opens nothing, or None.
        once: whether it opens only once.
        revoked: whether it was taken back.
        uses: how often it has opened what it is for.
        last_use: when it did last, or None.
        last_user: the peer that used it last, or None; an empty text if it is not proved who it was.
        to: the designator of the only world that it opens for, or None.
        web: whether it is the address of an object for web clients, and no string for other worlds.
        users: who has used it, each with how often and when; of more than a hundred, those that did last.
    """

    digest: str
    label: str
    made: float
    expires: float | None = None
    once: bool = False
    revoked: bool = False
    uses: int = 0
    last_use: float | None = None
    last_user: str | None = None
    to: str | None = None
    web: bool = False
    users: list[Use] = field(default_factory=list)

    def state(self, now: float) -> str:
        """What its string is: `open`, `revoked`, `expired` or `used`.

        Args:
            now: the time, in seconds since 1970.
        Source:
            None: a sturdyref of OCapN does not end by itself.
        Example:
            >>> swingset.Share("00", "a gift", made=0.0, expires=5.0).state(6.0)
            'expired'
        """
        if self.revoked:
            return "revoked"
        if self.expires is not None and now >= self.expires:
            return "expired"
        return "used" if self.once and self.uses else "open"

    def count(self, peer: str, now: float) -> None:
        """Count a use.

        Args:
            peer: who used it, or an empty text.
            now: the time, in seconds since 1970.
        Source:
            Ours.
        Example:
            >>> share = swingset.Share("00", "a gift", made=0.0)
            >>> share.count("abc.unix", 5.0)
            >>> share.users
            [Use(peer='abc.unix', times=1, first=5.0, last=5.0)]
        """
        self.uses, self.last_use, self.last_user = self.uses + 1, now, peer
        known = next((each for each in self.users if each.peer == peer), None)
        found = Use(peer, 1, now, now) if known is None else Use(peer, known.times + 1, known.first, now)
        others = [each for each in self.users if each.peer != peer]
        self.users = [*others, found][-MOST_USERS:]


def share_from(said: Any) -> Share:
    """What was stored of a share; raises `ValueError`, `TypeError` or `KeyError` for anything else."""
    users = [Use(**each) for each in said.get("users", [])]
    share = Share(**{**said, "users": users})
    times = [each for each in (share.made, share.expires, share.last_use) if each is not None]
    if not (
        isinstance(share.digest, str)
        and isinstance(share.label, str)
        and share.made is not None
        and all(map(_is_time, times))
        and type(share.once) is type(share.revoked) is type(share.web) is bool
        and type(share.uses) is int
        and isinstance(share.last_user, (str, type(None)))
        and isinstance(share.to, (str, type(None)))
        and len(users) <= MOST_USERS
        and all(map(_is_use, users))
    ):
        raise ValueError
    return share


def _is_use(use: Use) -> bool:
    return isinstance(use.peer, str) and type(use.times) is int and _is_time(use.first) and _is_time(use.last)


def _is_time(time: Any) -> bool:
    return type(time) in (int, float) and -_FARTHEST < time < _FARTHEST
