"""The confined engine: CPython as a WebAssembly guest, metered, deterministic, with heap images."""

from swingset.workers.wasm.engine import WasmWorkerFactory, begin_preparing, is_compiled, prepare_engine
from swingset.workers.wasm.worker import WasmWorker

__all__ = ["WasmWorker", "WasmWorkerFactory", "begin_preparing", "is_compiled", "prepare_engine"]
