"""Where a world may listen and dial: without encryption on this machine alone, with it anywhere."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl

from swingset.netlayers.base import NetlayerError


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def port_of(text: str) -> int:
    """The number of a port. Raises `NetlayerError`."""
    if not text.isascii() or not text.isdecimal() or int(text[:6]) > 65_535:
        raise NetlayerError(f"a port is a number up to 65535, not {text[:20]!r}")
    return int(text)


def context_for(host: str, cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """The certificate to listen with; None without one, on this machine. Raises `NetlayerError`."""
    if cert is None and key is None:
        if not is_loopback(host):
            words = f"without encryption it listens on a loopback address only, not on {host[:60]!r}"
            raise NetlayerError(f"{words}: give `cert` and `key`, the files of a certificate")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert or "", key)
    except (OSError, ssl.SSLError) as problem:
        raise NetlayerError(f"the certificate cannot be read from `cert` and `key`: {problem}") from None
    return context
