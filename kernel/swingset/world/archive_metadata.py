"""The metadata of an archive: small, first, and enough to judge the rest.

They say of which world and commit the archive is, how complete, and list every artifact with its size and
hash. They come from anybody: everything is checked here before an artifact is read, and what they say of the
content is held against it later. Their own hash names the archive: who keeps it elsewhere can have it
demanded when the archive is unpacked.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from swingset.model.foreign import Unreadable, read_json
from swingset.model.refs import is_called_well, is_vat_id
from swingset.model.spelling import canonical
from swingset.model.visible import one_line

from . import schema
from .archive_pieces import Artifact
from .archiving import LEVELS, ArchiveLevel, artifact_names, has_past
from .beginnings import are_beginnings
from .cuts import read_cut
from .errors import ArchiveFault, BadArchive
from .retention import are_prunes, of_json
from .rows import MOST, is_hash


@dataclass(frozen=True)
class Metadata:
    """What an archive says of itself.

    `vat` and `vat_id` name the vat of an archive of one vat. `commit`, `crank`, `record`, `seal` and `digest`
    are those of the commit that was archived; `last` is the highest number that any commit of its world had.
    `cut` says where the past of the world was cut off, and `begins` where its transcripts begin, as in its
    file; both are for levels with the past, as are `prunes`, which lists what was dropped of it. `retention`
    is how much of its past the world keeps, for whole worlds that were told. The last two are left out where
    there is nothing to say.
    """

    world_format: int
    software: str
    level: ArchiveLevel
    vat: str | None
    vat_id: str | None
    commit: int
    crank: int
    record: int
    last: int
    seal: str
    digest: str
    cut: list[int] | None
    begins: dict[str, Any]
    artifacts: tuple[Artifact, ...]
    retention: list[Any] | None = None
    prunes: list[Any] | None = None

    @property
    def past(self) -> bool:
        """Whether the archive has the commits before."""
        return self.vat is None and has_past(self.level)

    @property
    def size(self) -> int:
        """The bytes of all artifacts, unpacked."""
        return sum(artifact.size for artifact in self.artifacts)

    def text(self) -> bytes:
        """The metadata as they are stored."""
        said = asdict(self) | {"artifacts": [list(artifact) for artifact in self.artifacts]}
        for name in _LEFT_OUT:
            if said[name] is None:
                del said[name]
        return canonical(said).encode()

    def id(self) -> str:
        """The hash that names the whole archive."""
        return hashlib.sha256(self.text()).hexdigest()


def read_metadata(name: str, text: bytes, most: int) -> Metadata:
    """Metadata out of an archive, where all artifacts together have at most `most` bytes.

    Raises `BadArchive` for anything that is wrong with them.
    """
    try:
        found = read_json(text)
    except Unreadable as problem:
        _refuse(name, "metadata", f"has metadata that are {problem}")
    if not isinstance(found, dict) or {*found, *_LEFT_OUT} != set(Metadata.__dataclass_fields__):
        _refuse(name, "metadata", "has other metadata than an archive of this format has")
    if found["world_format"] != schema.FORMAT:
        shown = one_line(str(found["world_format"]), 20)
        words = f"is of a world of format {shown}, and this release reads {schema.FORMAT}"
        _refuse(name, "another format", f"{words}: unpack it with the release that made it")
    for field, rule in _RULES.items():
        if (field in found or field not in _LEFT_OUT) and not rule(found[field]):
            _refuse(name, "metadata", f"has {field} in its metadata as nobody writes it")
    if (found["vat"] is None) != (found["vat_id"] is None):
        _refuse(name, "metadata", "names a vat by its name or its id alone")
    if found["level"] in ("operational", "replay") and (found["cut"] or found["begins"]):
        _refuse(name, "level", f"says where its past begins, and level {found['level']} has none")
    if not has_past(found["level"]) and "prunes" in found:
        _refuse(name, "level", f"says what its past lacks, and level {found['level']} has none")
    if found["vat"] is not None and not found.keys().isdisjoint(_LEFT_OUT):
        _refuse(name, "metadata", "is of one vat, and says how much of its past a world keeps")
    artifacts = found["artifacts"]
    if not isinstance(artifacts, list) or not all(map(_is_one, artifacts)):
        _refuse(name, "metadata", "has a list of artifacts that is none")
    made = Metadata(**found | {"artifacts": tuple(Artifact(*artifact) for artifact in artifacts)})
    _check_names(name, made)
    if made.size > most:
        words = f"unpacks to {made.size:,} bytes, and at most {most:,} are allowed"
        _refuse(name, "size", f"{words}: say `most` if you trust it")
    if made.text() != text:
        _refuse(name, "metadata", "has metadata in another spelling than their own")
    return made


def _check_names(name: str, made: Metadata) -> None:
    wanted = artifact_names(made.level, history=made.vat is None)
    names = [artifact.name for artifact in made.artifacts]
    for artifact in names:
        if artifact not in wanted:
            known = artifact in artifact_names("debug", history=True)
            words = f"and level {made.level} has none" if known else "which is no name of one"
            _refuse(name, "name", f"has an artifact {one_line(artifact, 80)!r}, {words}")
        if names.count(artifact) > 1:
            _refuse(name, "duplicate", f"has the artifact {artifact} twice")
    for artifact in wanted:
        if artifact not in names:
            fault: ArchiveFault = "level" if artifact.startswith("history/") else "missing"
            _refuse(name, fault, f"says that its level is {made.level}, and lacks the artifact {artifact}")
    if tuple(names) != wanted:
        _refuse(name, "metadata", "has its artifacts in another order than an archive has")


def _refuse(name: str, fault: ArchiveFault, words: str) -> NoReturn:
    raise BadArchive(fault, f"{name} {words}")


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < MOST


def _is_one(artifact: Any) -> bool:
    return (
        isinstance(artifact, list)
        and len(artifact) == len(Artifact._fields)
        and isinstance(artifact[0], str)
        and _is_count(artifact[1])
        and _is_count(artifact[2])
        and is_hash(artifact[3])
    )


_RULES = {
    "software": lambda value: isinstance(value, str) and value.isprintable() and len(value) <= 40,
    "level": lambda value: value in LEVELS,
    "vat": lambda value: value is None or is_called_well(value),
    "vat_id": lambda value: value is None or is_vat_id(value),
    "commit": _is_count,
    "crank": _is_count,
    "record": _is_count,
    "last": _is_count,
    "cut": lambda value: value is None or read_cut(canonical(value)) is not None,
    "begins": are_beginnings,
    "seal": is_hash,
    "digest": is_hash,
    "retention": lambda value: of_json(value) is not None,
    "prunes": are_prunes,
}
_LEFT_OUT = ("retention", "prunes")
"""The fields that are left out if there is nothing to say."""
