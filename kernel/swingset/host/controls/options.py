"""Options of the whole kernel, for vats without an option of their own. They are stored in the world."""

from __future__ import annotations

from typing import Any

from swingset.host.base.opened import Opened


class Options:
    """The options of an open world, as `controller.options`.

    `reap_interval`, `reap_gc_krefs` and `reap_computrons` say when a vat gets a `bringOutYourDead`, and
    `snapshot_interval` after how many deliveries its heap image is saved; None means never.

    Source:
        `controller.changeKernelOptions`.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    @property
    def snapshot_interval(self) -> int | None:
        """The number of deliveries after which a heap image is saved, as `open_world` was told."""
        return self._opened.snapshot_interval

    def all(self) -> dict[str, int | None]:
        """All options.

        Returns:
            Their values by name.
        Example:
            >>> sorted(world.options.all())
            ['reap_computrons', 'reap_gc_krefs', 'reap_interval', 'snapshot_interval']
        """
        with self._opened.lock:
            return self._opened.kernel.options.all()

    def change(self, options: dict[str, Any]) -> dict[str, int | None]:
        """Change some options, and commit.

        Args:
            options: values by name.
        Returns:
            All options after the change.
        Raises:
            KernelError: for an invalid option or value; then none is changed.
        Example:
            >>> world.options.change({"reap_interval": 50})["reap_interval"]
            50
        """

        def change() -> dict[str, int | None]:
            self._opened.kernel.change_kernel_options(options)
            return self._opened.kernel.options.all()

        return self._opened.ask(change, "change options of the kernel")
