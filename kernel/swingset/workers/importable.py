"""What vats can import, as it is known without preparing an engine: for completion and for advice.

The interpreter of the engine is one exact build, so these are constants; a test compares them with what a
vat finds. A vat that a host trusts with its own interpreter can import what the host has, which is not here.
"""

from __future__ import annotations

_STANDARD = """
    abc annotationlib argparse array ast asyncio atexit base64 bdb binascii bisect builtins bz2
    calendar cmath cmd code codecs codeop collections colorsys compileall compression concurrent
    configparser contextlib contextvars copy copyreg csv dataclasses datetime dbm decimal difflib
    dis email encodings enum errno faulthandler filecmp fileinput fnmatch fractions ftplib functools
    gc genericpath getopt getpass gettext glob graphlib gzip hashlib heapq hmac html http imaplib
    importlib inspect io ipaddress itertools json keyword linecache locale logging lzma mailbox
    marshal math mimetypes mmap modulefinder multiprocessing netrc ntpath nturl2path numbers opcode
    operator optparse os pathlib pickle pickletools pkgutil platform plistlib poplib posix posixpath
    pprint profile pstats py_compile pyclbr pyexpat queue quopri random re reprlib rlcompleter runpy
    sched secrets select selectors shelve shlex shutil signal site smtplib socket socketserver
    sqlite3 stat statistics string stringprep struct subprocess symtable sys sysconfig tabnanny
    tarfile tempfile textwrap threading time timeit token tokenize tomllib trace traceback
    tracemalloc types typing unicodedata urllib uuid warnings wave weakref wsgiref xml xmlrpc zipapp
    zipfile zipimport zlib zoneinfo
"""

STANDARD = frozenset(_STANDARD.split())
"""The modules of the standard library that a confined vat can import, without those that are not public."""

_SCIENTIFIC = """
    PIL attr attrs bs4 charset_normalizer cloudpickle contourpy cycler dateutil defusedxml
    et_xmlfile fontTools formulaic html5lib interface_meta isympy jinja2 joblib kiwisolver lxml
    markupsafe matplotlib more_itertools mpl_toolkits mpmath narwhals networkx numpy openpyxl
    packaging pandas patsy pylab pyparsing pypdf regex reportlab scipy seaborn six sklearn soupsieve
    statsmodels sympy tabulate threadpoolctl tlz tomli_w toolz tqdm typing_extensions tzdata
    webencodings wrapt xlrd xlsxwriter xmltodict yaml
"""

SCIENTIFIC = frozenset(_SCIENTIFIC.split())
"""The packages that the scientific engine has besides."""

_NUMPY = frozenset({"numpy", "tzdata"})
PACKAGES = {
    "wasm": frozenset[str](),
    "wasm-numpy": _NUMPY,
    "wasm-pandas": _NUMPY | {"pandas", "dateutil", "six"},
    "wasm-full": SCIENTIFIC,
}
"""The packages that each engine has, by the kind of worker that runs in it, the smallest first."""


def smallest_with(*packages: str) -> str | None:
    """The kind of worker of the smallest engine that has all of some packages; None if none has."""
    return next((kind for kind, there in PACKAGES.items() if there.issuperset(packages)), None)
