"""What of this computer's pip settings is used: how to reach the network, and nothing else.

A mirror, a proxy or a certificate is needed where the bundle is built. A constraint, an extra
folder of wheels or `pre` would make another bundle on every computer, so those are left out. None
of it is written into the bundle.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distributions

NETWORK = (
    "index-url", "extra-index-url", "proxy", "cert", "client-cert", "trusted-host", "timeout",
    "default-timeout", "retries", "resume-retries", "keyring-provider", "cache-dir",
)  # fmt: skip
SECTIONS = ("global", "download", "wheel", ":env:")  # a later one wins, as for pip
PIP = (sys.executable, "-m", "pip")


def pip_environment(torch_index: str | None = None) -> dict[str, str]:
    """Environment variables for pip: those of this process, without pip's own but for NETWORK.

    `torch_index` is one more index to look in. Raises ImportError where Python has no pip.
    """
    done = subprocess.run(
        [*PIP, "config", "list"], check=False, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        raise ImportError(
            f"expected pip in the Python that runs this ({sys.executable}), found none that "
            "works: python -m ensurepip"
        )
    found = network_settings(done.stdout)
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("PIP_")}
    for key, value in found.items():
        kept[f"PIP_{key.upper().replace('-', '_')}"] = value
    if torch_index:
        more = kept.get("PIP_EXTRA_INDEX_URL", "")
        kept["PIP_EXTRA_INDEX_URL"] = f"{torch_index} {more}".strip()
    kept |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    kept |= {"PIP_NO_INPUT": "1", "PYTHONUTF8": "1"}
    return kept


def network_settings(listing: str) -> dict[str, str]:
    """The settings of NETWORK in what `pip config list` prints, several values with spaces."""
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        name, equals, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if not equals or key not in NETWORK or section not in SECTIONS:
            continue
        try:
            text = " ".join(str(ast.literal_eval(value)).split())
        except (ValueError, SyntaxError):
            continue
        rank = SECTIONS.index(section)
        if key not in found or rank >= found[key][0]:
            found[key] = (rank, text)
    return {key: text for key, (_, text) in found.items()}


def pins_of_this_environment(but: str) -> Mapping[str, str]:
    """Name and version of every package that is installed here, without `but`.

    A local label goes: 2.14.1+cpu and 2.14.1 are both admitted by `==2.14.1`, in constraints.
    """
    pins = {}
    for one in distributions():
        name = re.sub(r"[-_.]+", "-", one.metadata["Name"] or "").lower()
        if name and name != but and name not in pins:
            pins[name] = one.version.partition("+")[0]
    return dict(sorted(pins.items()))
