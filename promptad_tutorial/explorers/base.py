"""What every explorer does: answer a change of its controls with a picture and a sentence.

An explorer is a box of controls whose values are observed; neither `interact` nor an Output
widget is used, because strict nbval cannot follow those. So setting a value in one cell and
printing `explorer.status.value` in the next tests the interaction itself. Where no widget can be
shown (print, a notebook on the web), its still picture and the alt text stand in.
"""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
from IPython import get_ipython

from promptad_tutorial.explorers.recent import Recent
from promptad_tutorial.figures.illustration import Illustration

WORKING = "Working ..."  # the status while an answer is being computed
_KEPT = 100  # answers, each a PNG of some 50 KB


@dataclass(frozen=True)
class Answer:
    """What an explorer shows for one setting of its controls."""

    png: bytes  # the picture; empty if there is none
    alt: str  # the picture in words
    status: str  # one or two sentences with the result


class Explorer(widgets.VBox):
    """Controls, a status sentence and a picture. A subclass makes the controls, then calls
    `start` with them, and answers their present values in `draw`.

    `status.value` is the sentence, in which only &, < and > are written as in HTML.
    """

    def __init__(self) -> None:
        super().__init__()
        self.status = widgets.HTML(WORKING)
        self.picture = widgets.HTML()
        self.controls: tuple[Any, ...] = ()
        self.answer = Answer(b"", WORKING, WORKING)
        self._answers = Recent(_KEPT)

    def draw(self) -> tuple[Illustration, str]:
        """The picture and the status sentence for the controls' present values."""
        raise NotImplementedError("an explorer answers its controls in draw()")

    def start(self, *controls: Any) -> None:
        """Show `controls` in this order, answer every change of their values, and answer once.

        Raises ValueError for a control without description (nobody could name it), or one that
        answers while it is still being moved, and what `draw` raises.
        """
        for control in controls:
            if not getattr(control, "description", ""):
                raise ValueError(f"expected a control with a description, found {control!r}")
            if getattr(control, "continuous_update", False):
                raise ValueError(
                    f"expected continuous_update=False for {control.description!r}: every step on "
                    "the way would be computed"
                )
        self.controls = controls
        for control in controls:
            control.layout.width = "auto"
            control.style.description_width = "9em"
            control.observe(self._on_change, names="value")
        self.children = (*controls, self.status, self.picture)
        self.update()

    def update(self) -> None:
        """Answer the controls' present values; a setting that was answered before returns at once.

        An error goes into the status line. It is raised too, unless a control was moved in a
        browser: there nobody would see it, and here a cell or a test must not pass over it.
        """
        setting = tuple(control.value for control in self.controls)
        if setting not in self._answers:
            self.status.value = WORKING
        try:
            self._show(self._answers.get(setting, self._compute))
        except Exception as error:
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            message = f"This setting has no answer: {kind}{error}"
            # no picture: the last one would seem to belong to this setting
            self._show(Answer(b"", message, message))
            if not asked_by_front_end():
                raise

    def _compute(self) -> Answer:
        illustration, status = self.draw()
        return Answer(illustration.png, illustration.alt, status)

    def _show(self, answer: Answer) -> None:
        self.answer = answer
        self.picture.value = (
            f'<img src="data:image/png;base64,{_as_text(answer.png)}" '
            f'alt="{html.escape(answer.alt)}" style="max-width: 100%">'
            if answer.png
            else ""
        )
        self.status.value = html.escape(answer.status, quote=False)

    def _on_change(self, change: Any) -> None:
        self.update()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The live widget, and beside it a still picture and its alt text."""
        bundle = dict(super()._repr_mimebundle_(**kwargs) or {})
        bundle["text/plain"] = self.answer.alt
        if self.answer.png:
            bundle["image/png"] = _as_text(self.answer.png)
        return bundle


def asked_by_front_end() -> bool:
    """Whether the kernel is answering a control that was moved in a browser, not running a cell."""
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    return kernel.get_parent().get("header", {}).get("msg_type") == "comm_msg"


def _as_text(png: bytes) -> str:
    return base64.b64encode(png).decode("ascii")
