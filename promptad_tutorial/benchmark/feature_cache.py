"""A folder of features that many processes read and write: whole files, checked, bounded in size.

An entry is one safetensors file, named by the sha256 of everything that decides its numbers. It is
written beside its place and moved there, so nobody ever reads half a file. An entry that is damaged
counts as missing. Of a folder that grows too large, the entries used longest ago go first.

joblib.Memory and diskcache would keep such a folder too, but both load pickles, which run whatever
is in them; this folder may be shared with other machines.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

log = logging.getLogger(__name__)

FORMAT = "promptad-tutorial features 1"
KEPT = 0.9  # share of the bound that is left after old entries went
LOOK_AGAIN = 0.05  # share of the bound that one process writes before it measures the folder again
ABANDONED = 3600  # seconds after which a half-written file belongs to a process that died


class Usage(NamedTuple):
    """How full a cache is."""

    entries: int
    size: int  # bytes


class FeatureCache:
    """Named tensors by a key, in `folder`, at most `bound` bytes of them.

    Several processes together may pass the bound for a moment, by LOOK_AGAIN of it each. Raises
    ValueError for a bound that is not above 0.
    """

    def __init__(self, folder: Path, bound: float = 20e9) -> None:
        if not bound > 0:
            raise ValueError(f"the cache needs room: expected more than 0 bytes, got {bound}")
        self.folder, self.bound = Path(folder), bound
        self._room = 0.0  # bytes to be written before the folder is measured again

    def path(self, key: Mapping[str, Any]) -> Path:
        """Where the entry of `key` is, or would be."""
        name = hashlib.sha256(_as_text(key).encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.safetensors"

    def __contains__(self, key: Mapping[str, Any]) -> bool:
        return self.path(key).is_file()

    def get(self, key: Mapping[str, Any]) -> dict[str, Tensor] | None:
        """The tensors of `key` on the CPU; None if they are missing or damaged."""
        path = self.path(key)
        try:
            with safe_open(path, framework="pt") as file:
                note = file.metadata() or {}
                found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if note != _note(key, found):
                raise ValueError("its contents are not what was written")
            os.utime(path)  # used now
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, RuntimeError, ValueError) as error:
            # (RuntimeError: torch maps the file, and another process removed it a moment before)
            log.debug("cache: %s is damaged and will be made again: %s", path, error)
            return None
        return found

    def put(self, key: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Keep the tensors. A full disk costs the entry, not the run: then a warning is logged."""
        kept = {name: one.detach().cpu().contiguous() for name, one in tensors.items()}
        path = self.path(key)
        part = path.with_name(f"{uuid4().hex}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(kept, part, metadata=_note(key, kept))
            self._room -= part.stat().st_size
            part.replace(path)
        except (OSError, SafetensorError) as error:
            log.warning("features are not kept in %s: %s", self.folder, error)
            with suppress(OSError):
                part.unlink()
            return
        if self._room < 0:
            size = self.usage().size
            if size > self.bound:
                size -= self.shrink(KEPT * self.bound)
            self._room = min(self.bound - size, LOOK_AGAIN * self.bound)

    def usage(self) -> Usage:
        """How many entries there are, and how many bytes."""
        found = self._files()
        return Usage(len(found), sum(size for _, size, _ in found))

    def shrink(self, bound: float) -> int:
        """Remove what was used longest ago until at most `bound` bytes are left; returns bytes."""
        found = sorted(self._files())
        left = before = sum(size for _, size, _ in found)
        for _, size, path in found:
            if left <= bound:
                break
            path.unlink(missing_ok=True)  # another process may have been first
            left -= size
        return before - left

    def clear(self) -> Usage:
        """Remove every entry, and nothing else; returns what was there."""
        before = self.usage()
        self.shrink(0)
        return before

    def _files(self) -> list[tuple[float, int, Path]]:
        """(last use, bytes, path) of every entry; half-written files of the dead are removed."""
        found = []
        for path in self.folder.glob("??/*"):
            try:
                status = path.stat()
            except FileNotFoundError:  # removed by another process meanwhile
                continue
            if path.suffix == ".safetensors":
                found.append((status.st_mtime, status.st_size, path))
            elif path.suffix == ".part" and time.time() - status.st_mtime > ABANDONED:
                path.unlink(missing_ok=True)
        return found


def _as_text(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True)


def _note(key: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """What stands in the file's header: safetensors itself notices no flipped bit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return {"format": FORMAT, "key": _as_text(key), "sha256": digest.hexdigest()}
