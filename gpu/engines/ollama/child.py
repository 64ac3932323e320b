"""The child that holds the model: llama.cpp's own server, on loopback, behind a key of the parent's.

It ends when its stdin closes, so that it never outlives the parent, however that one died.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import xllamacpp

# A prompt is computed in batches, and a hang-up is seen only between two of them: 64 tokens take 0.2 to
# 0.4 s on two cores, and cost 15 % of the speed that batches of 2,048 have.
BATCH = 64


def _params(settings: dict[str, Any]) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.api_keys = [settings["key"]]
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx = settings["num_ctx"] * settings["parallel"]
    params.n_parallel = settings["parallel"]
    params.n_threads_http = settings["parallel"] + 2
    params.ctx_shift = settings["shift"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.n_batch = params.n_ubatch = BATCH
    params.warmup = params.fit_params = params.ui = params.endpoint_slots = False
    params.cache_ram_mib = params.n_gpu_layers = params.verbosity = 0
    return params


def main() -> None:
    """Reads its settings from the first line of stdin, loads the model, writes its URL, waits for the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    server = xllamacpp.Server(_params(json.loads(sys.stdin.readline())))
    sys.stdout.write(json.dumps({"url": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # nothing to save, and llama.cpp's own shutdown waits for its running requests


if __name__ == "__main__":
    main()
