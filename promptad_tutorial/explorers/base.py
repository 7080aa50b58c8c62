"""What every explorer does: answer a change of its controls with a picture and a sentence.

An explorer is a box of controls whose values are observed; neither `interact` nor an Output
widget is used, because strict nbval cannot follow those. So setting a value in one cell and
printing `explorer.status.value` in the next tests the interaction itself. Where no widget can be
shown (print, a notebook on the web, one that was saved), its still picture stands in.

A front end may move a control while a cell runs, in another thread. So answers are computed one
at a time, each from the setting that it is kept under, and one that came too late is not shown.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from threading import RLock
from typing import Any, ClassVar

import ipywidgets as widgets
from IPython import get_ipython
from PIL import Image, ImageDraw, ImageFont

from promptad_tutorial.figures.illustration import FONT_SIZE, Illustration, encode_png

WORKING = "Working ..."  # the status while an answer is being computed
STILL = "A still picture: run this cell again to make it live."
_STRIP = 24  # pixels below a still picture, for that line


@dataclass(frozen=True)
class Answer:
    """What an explorer shows for one setting of its controls."""

    png: bytes  # the picture; empty if there is none
    alt: str  # the picture in words
    status: str  # one or two sentences with the result


class Explorer(widgets.VBox):
    """Controls, a status sentence and a picture. A subclass makes the controls, then calls
    `start` with them, and answers their values in `draw`.

    `status.value` is the sentence, in which only &, < and > are written as in HTML.
    """

    kept: ClassVar[int] = 100  # answers, each a PNG of some 50 KB
    # One for all explorers: neither matplotlib nor catching warnings is made for two threads.
    # Reentrant, because an observer of the status may move a control.
    _one_at_a_time: ClassVar[RLock] = RLock()

    def __init__(self, lines: Mapping[str, Any] | None = None) -> None:
        """With `lines`, by their names, the explorer has a control `product_line`.

        Raises ValueError for no lines.
        """
        super().__init__()
        if lines is not None:
            if not lines:
                raise ValueError("expected at least one product line, found none")
            self.lines = dict(lines)
            self.product_line = widgets.Dropdown(options=list(lines), description="product line")
        self.status = widgets.HTML(WORKING)
        self.picture = widgets.HTML()
        self.controls: tuple[Any, ...] = ()
        self.answer = Answer(b"", WORKING, WORKING)
        self._answers: dict[tuple[Any, ...], Answer] = {}  # by setting, the latest used last

    def draw(self, *setting: Any) -> tuple[Illustration, str]:
        """The picture and the status sentence for these values of the controls, in their order.

        A control's own value may be another one by now, so a subclass never reads it here.
        """
        raise NotImplementedError("an explorer answers its controls in draw()")

    def start(self, *controls: Any) -> None:
        """Show `controls` in this order, answer every change of their values, and answer once.

        A control answers when it is let go, as every step on the way would be computed. Raises
        ValueError for one without description (nobody could name it), and what `draw` raises.
        """
        self.controls = controls
        for control in controls:
            if not getattr(control, "description", ""):
                raise ValueError(f"expected a control with a description, found {control!r}")
            if hasattr(control, "continuous_update"):
                control.continuous_update = False
            control.layout.width = "auto"
            control.style.description_width = "9em"
            control.observe(lambda change: self.update(), names="value")
        self.children = (*controls, self.status, self.picture)
        self.update()

    @property
    def setting(self) -> tuple[Any, ...]:
        """The controls' present values."""
        return tuple(control.value for control in self.controls)

    def update(self) -> None:
        """Answer the controls' present values; a setting that was answered before returns at once.

        Nothing is shown if a control moves on meanwhile: that change is answered on its own. An
        error goes into the status line. It is raised too, unless a control was moved in a
        browser: there nobody would see it, and here a cell or a test must not pass over it.
        """
        setting = self.setting
        with self._one_at_a_time:
            if setting != self.setting:  # it moved on while another answer was computed
                return
            try:
                answer = self._answers.pop(setting, None) or self._compute(setting)
            except Exception as error:
                kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
                message = f"This setting has no answer: {kind}{error}"
                # no picture: the last one would seem to belong to this setting
                self._show(setting, Answer(b"", message, message))
                if not asked_by_front_end():
                    raise
            else:
                self._answers[setting] = answer
                if len(self._answers) > self.kept:
                    del self._answers[next(iter(self._answers))]
                self._show(setting, answer)

    def _compute(self, setting: tuple[Any, ...]) -> Answer:
        self.status.value = WORKING
        illustration, status = self.draw(*setting)
        return Answer(illustration.png, illustration.alt, status)

    def _show(self, setting: tuple[Any, ...], answer: Answer) -> None:
        if setting != self.setting:
            return
        self.answer = answer
        source = f"data:image/png;base64,{_as_text(answer.png)}"
        image = f'<img src="{source}" alt="{html.escape(answer.alt)}" style="max-width: 100%">'
        self.picture.value = image if answer.png else ""
        self.status.value = html.escape(answer.status, quote=False)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The live widget, and beside it a still picture and its alt text, which say so.

        `saving` keeps the widget's view out of saved files, where it would be an error.
        """
        bundle = dict(super()._repr_mimebundle_(**kwargs) or {})
        bundle["text/plain"] = f"{self.answer.alt} {STILL}"
        if self.answer.png:
            bundle["image/png"] = _as_text(still(self.answer.png))
        return bundle


def still(png: bytes) -> bytes:
    """The picture with a strip below it that says how to make it live."""
    with Image.open(BytesIO(png)) as picture:
        whole = Image.new("RGB", (picture.width, picture.height + _STRIP), "white")
        whole.paste(picture.convert("RGB"))
    font = ImageFont.load_default(size=round(FONT_SIZE * 1.3))
    ImageDraw.Draw(whole).text((8, whole.height - _STRIP), STILL, fill="#555555", font=font)
    return encode_png(whole)


def asked_by_front_end() -> bool:
    """Whether the kernel is answering a control that was moved in a browser, not running a cell."""
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    return kernel.get_parent().get("header", {}).get("msg_type") == "comm_msg"


def _as_text(png: bytes) -> str:
    return base64.b64encode(png).decode("ascii")
