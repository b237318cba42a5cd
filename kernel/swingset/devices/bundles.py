"""The bundle device: code that is installed once and addressed by its hash.

A bundle is an ordered list of modules, each with a name. Its id is the hash of all of it. A module's hash is
that of its source alone, so over a slow line one asks which modules are missing and sends only those. A
bundlecap is a device node: its holder can create vats from that bundle, and read its source. It is collected
when nobody holds it; the bundle stays. The source that it returns is in no transcript (`model.sourced`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from swingset.core.device_board import DeviceContext, DeviceError
from swingset.devices import plain, proposals
from swingset.model.capdata import CapData, Ref
from swingset.model.modules import is_raw
from swingset.model.proposals import is_node as is_proposal
from swingset.model.refs import is_kref
from swingset.model.sourced import naming
from swingset.world.bundles import Bundles

Manifest = Sequence[tuple[str, str]]
"""The modules of a bundle, in order: the name and the hash of each."""

_ROOT_METHODS = (
    *("get_bundlecap", "get_named_bundlecap", "wait_for_bundlecap", "get_id"),
    *("propose", "get_proposal"),
)


def module_hash(source: str) -> str:
    """The hash that names a module's source."""
    return hashlib.sha512(source.encode()).hexdigest()


def bundle_of_cap(context: DeviceContext, node: str) -> str | None:
    """The id of the bundle that a node stands for, None for a node of another device."""
    known = plain.kept(context, node, _is_node)
    return None if known is None or "bundle" not in known else str(known["bundle"])


def _is_cap(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("bundle"), str)


def _is_node(value: Any) -> bool:
    return _is_cap(value) or is_proposal(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_module(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if set(value) == {"source"}:
        return isinstance(value["source"], str)
    return set(value) == {"bundle", "index"} and _is_cap(value) and plain.is_number(value["index"])


class BundleDevice:
    """Serves devices of kind `bundle`."""

    kind = "bundle"

    def __init__(self, bundles: Bundles) -> None:
        self._bundles = bundles

    def call(self, method: str, args: CapData, context: DeviceContext) -> CapData:
        """Return bundlecaps by id or name, the id of a bundlecap, or the source that one stands for."""
        if context.node is not None and context.node != context.device.root:
            return self._call_node(method, args, context, context.node)
        if method == "get_id":
            return plain.write(self._id_of(plain.arguments(args, method, "bundlecap")[0], context))
        if method not in _ROOT_METHODS:
            raise plain.no_method("the bundle device", method, *_ROOT_METHODS)
        if method == "propose":
            return proposals.propose(args, self._proposed(args, context), context)
        if method == "get_proposal":
            return proposals.of_number(args, context)
        if method == "get_named_bundlecap":
            name = plain.text(plain.arguments(args, method, "name")[0], "name")
            known = plain.kept(context, f"name.{name}", _is_text)
            if known is None:
                raise DeviceError(f"there is no bundle named {json.dumps(name)}", name="LookupError")
            return self._cap(known, context)
        bundle = plain.text(plain.arguments(args, method, "id")[0], "id")
        if context.get(f"bundle.{bundle}") is not None:
            return self._cap(bundle, context)
        if method == "wait_for_bundlecap":
            return self._promise(bundle, context)
        raise DeviceError(f"bundle {bundle[:24]}... is not installed", name="LookupError")

    def _call_node(self, method: str, args: CapData, context: DeviceContext, node: str) -> CapData:
        known = plain.kept(context, node, _is_node) or {}
        if "proposal" in known:
            return proposals.call(method, args, context, known["proposal"])
        if method != "get_bundle":
            raise plain.no_method("a bundlecap", method, "get_bundle")
        plain.arguments(args, method)
        return naming(str(known["bundle"]))

    def _proposed(self, args: CapData, context: DeviceContext) -> str | None:
        """The id of the bundle that a proposal names."""
        given = plain.read(plain.blank(args, 2))
        cap = given[1] if isinstance(given, list) and len(given) > 1 else None
        owned = isinstance(cap, Ref) and context.owns(cap.kref) and cap.kref != context.device.root
        return bundle_of_cap(context, cap.kref) if owned and isinstance(cap, Ref) else None

    # For the host

    def missing(self, manifest: Manifest, context: DeviceContext) -> list[str]:
        """The module hashes of a manifest whose source was not uploaded yet."""
        wanted = dict.fromkeys(digest for _, digest in manifest)
        return [digest for digest in wanted if context.get(f"module.{digest}") is None]

    def upload(self, source: str, context: DeviceContext) -> str:
        """Store the source of one module; returns its hash."""
        digest = module_hash(source)
        if context.get(f"module.{digest}") is None:
            context.set(f"module.{digest}", plain.write({"source": source}))
        return digest

    def install(self, manifest: Manifest, name: str | None, context: DeviceContext) -> str:
        """Make a bundle of uploaded modules, and give it a `name` if there is one; returns its id.

        Raises `DeviceError` if modules are missing or two have one name.
        """
        absent = self.missing(manifest, context)
        if absent or not manifest:
            short = ", ".join(digest[:12] for digest in absent) or "all of them"
            raise DeviceError(f"a bundle cannot be installed: modules are missing: {short}")
        if len({part for part, _ in manifest}) < len(manifest):
            raise DeviceError("a bundle cannot be installed: two of its modules have one name")
        if is_raw(manifest):
            words = "a part without liveslots belongs to the library: give it another name"
            raise DeviceError(
                f"a bundle cannot be installed: {manifest[-1][0][:60]!r} is no name for code, {words}"
            )
        bundle = self._bundles.put([(part, self._source(digest, context)) for part, digest in manifest])
        context.set(f"bundle.{bundle}", plain.write([list(entry) for entry in manifest]))
        for index, (_, digest) in enumerate(manifest):
            # The bundle holds the source from now on.
            context.set(f"module.{digest}", plain.write({"bundle": bundle, "index": index}))
        if name is not None:
            context.set(f"name.{name}", plain.write(bundle))
        waiting = plain.kept_reference(context, f"wait.{bundle}", "p")
        if waiting is not None:
            context.settle(waiting, False, self._cap(bundle, context))
            context.set(f"wait.{bundle}", None)
        return bundle

    def _source(self, digest: str, context: DeviceContext) -> str:
        key = f"module.{digest}"
        where = plain.kept(context, key, _is_module)
        if where is None:
            raise context.damaged(key, "the row is missing, and a bundle names it")
        if "source" in where:
            return str(where["source"])
        parts = self._bundles.get(where["bundle"])
        if where["index"] >= len(parts):
            raise context.damaged(key, "index is past the end of the bundle")
        return str(parts[where["index"]][1])

    def _cap(self, bundle: str, context: DeviceContext) -> CapData:
        """The bundlecap: the one that is in use, or a new one. The entry `cap.` does not keep it alive."""
        kref: str = plain.kept(context, f"cap.{bundle}", is_kref) or ""
        if not context.owns(kref):
            kref = context.new_node(plain.write({"bundle": bundle}))
            context.set(f"cap.{bundle}", plain.write(kref))
        return plain.write(Ref(kref, "bundlecap"))

    def _id_of(self, cap: object, context: DeviceContext) -> str:
        kref = cap.kref if isinstance(cap, Ref) else ""
        state = bundle_of_cap(context, kref) if context.owns(kref) and kref != context.device.root else None
        if state is None:
            raise DeviceError(f"get_id() requires a bundlecap, got {plain.shown(cap)}", name="TypeError")
        return state

    def _promise(self, bundle: str, context: DeviceContext) -> CapData:
        kref = plain.kept_reference(context, f"wait.{bundle}", "p")
        if kref is None:
            kref = context.new_promise()
            context.set(f"wait.{bundle}", plain.write(Ref(kref)))
        return plain.write(Ref(kref))
