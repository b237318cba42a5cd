"""Code that vats are made of: uploaded in pieces, waited for, and kept when nobody holds its bundlecap.

Played on both workers, and a second time with vatAdmin upgraded between the steps.
"""

from __future__ import annotations

from textwrap import dedent

import pytest

from swingset.devices.bundles import module_hash
from tests.scenarios.admin import Admin
from tests.staging import Stage


def test_a_bundle_is_uploaded_piece_by_piece(admin: Admin) -> None:
    """Only the modules that are not here yet have to be sent, and the pieces make the same bundle."""
    devices = admin.stage.controller.devices
    kinds = "VALUE = 44\n"
    main = dedent(
        """
        from swingset.vat import remotable

        @remotable
        class Root:
            def value(self):
                return VALUE

        def build_root_object():
            return Root()
        """
    )
    manifest = [("kinds", module_hash(kinds)), ("main", module_hash(main))]
    assert devices.missing_modules(manifest) == [module_hash(kinds), module_hash(main)]
    devices.upload_module(kinds)
    assert devices.missing_modules(manifest) == [module_hash(main)]
    with pytest.raises(Exception, match="modules are missing"):
        devices.install_manifest(manifest)
    devices.upload_module(main)
    bundle = devices.install_manifest(manifest)
    assert devices.install_bundle((("kinds", kinds), ("main", main))) == bundle
    other = [("kinds", module_hash(kinds)), ("other", module_hash("x = 1\n"))]
    assert devices.missing_modules(other) == [module_hash("x = 1\n")]
    made = admin.ask(admin.vat_admin, "create_vat_by_id", bundle)
    assert admin.ask(made["root"], "value") == 44


def test_a_bundlecap_can_be_waited_for(admin: Admin) -> None:
    """The promise settles when the bundle is installed."""
    session, devices = admin.stage.session, admin.stage.controller.devices
    other = Stage("local")
    bundle = other.controller.devices.install_bundle((("main", "x = 2\n"),))
    other.close()
    promise = admin.send(admin.vat_admin, "wait_for_bundlecap", bundle)
    session.settle()
    admin.between()
    session.settle()
    assert promise.status == "pending"
    assert devices.install_bundle((("main", "x = 2\n"),)) == bundle
    admin.between()
    cap = admin.wait(promise)
    assert session.devices.call(session.devices.get("bundles"), "get_id", cap) == bundle
    assert admin.ask(admin.vat_admin, "get_bundlecap", bundle) is cap


def test_a_bundlecap_nobody_holds_is_collected_and_the_bundle_stays(admin: Admin) -> None:
    """The session drops it; by name it is there again, as another node."""
    first = admin.kref(admin.counter)
    kernel = admin.stage.controller.kernel
    vat, vref = admin.stage.session.vat_id, admin.counter._vref
    admin.stage.session._outside(["dropImports", [vref]])
    admin.stage.session._outside(["retireImports", [vref]])
    assert kernel.recognize(vat, vref) is None
    assert kernel.store.objects.get(first) is None
    made = admin.ask(admin.vat_admin, "create_vat_by_name", "counter")
    assert admin.ask(made["root"], "thirteen") == 13
