"""Joblib's backend for Dask, which also says when Dask has given a task up.

Joblib's own calls nobody back for such a task (`KilledWorker`: one worker after the other died with
it), and `Parallel` would wait for ever. It also takes all workers, whatever n_jobs says.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from joblib._dask import DaskDistributedBackend


@dataclass(frozen=True)
class _GivenUp:
    """What the callback gets in place of a result."""

    error: BaseException


class ReportingDaskBackend(DaskDistributedBackend):
    """`client` is connected; at most `most` tasks are at work at a time, or -1 for no bound."""

    def __init__(self, client: Any, most: int = -1) -> None:
        super().__init__(client=client)
        self.most = most

    def effective_n_jobs(self, n_jobs: int) -> int:
        """The cores of the cluster, or fewer."""
        there = super().effective_n_jobs(n_jobs)
        return there if self.most < 0 else min(there, self.most)

    def submit(self, func: Any, callback: Callable[[Any], Any] | None = None) -> Future:
        """As joblib's, and `callback` is called for a task that was given up too."""
        future = super().submit(func, callback)

        def report(done: Future) -> None:
            error = done.exception()
            if error is not None and callback is not None:
                callback(_GivenUp(error))

        future.add_done_callback(report)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """The result, or the error, of a task. Raises it."""
        if isinstance(out, _GivenUp):
            raise out.error
        return super().retrieve_result_callback(out)
