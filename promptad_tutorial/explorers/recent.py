"""Answers that are kept for when the same question comes again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class Recent:
    """The latest `limit` answers by their question; the one longest unused is dropped first."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"expected to keep at least 1 answer, found {limit}")
        self.limit = limit
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()

    def __contains__(self, question: Hashable) -> bool:
        return question in self._answers

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, question: Hashable, answer: Callable[[], Any]) -> Any:
        """The kept answer, or what `answer()` returns. What `answer` raises is not kept."""
        if question not in self._answers:
            self._answers[question] = answer()
        self._answers.move_to_end(question)
        if len(self._answers) > self.limit:
            self._answers.popitem(last=False)
        return self._answers[question]
