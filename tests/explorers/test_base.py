"""What every explorer does: answers, keeps answers and tells of errors, also in a kernel."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator

import ipywidgets as widgets
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from promptad_tutorial.explorers import base
from promptad_tutorial.explorers.base import WORKING, Explorer
from promptad_tutorial.explorers.recent import Recent
from promptad_tutorial.figures import Illustration, blank_figure


class Line(Explorer):
    """A line of a chosen slope; slope 3 has no answer."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[int] = []
        self.slope = widgets.IntSlider(
            value=1, min=0, max=5, description="slope", continuous_update=False
        )
        self.start(self.slope)

    def draw(self) -> tuple[Illustration, str]:
        slope = self.slope.value
        self.drawn.append(slope)
        if slope == 3:
            raise ValueError("no line is <that> steep")
        if slope == 5:
            raise ZeroDivisionError("steep")
        figure = blank_figure(2, 1)
        figure.subplots().plot([0, slope])
        return Illustration(figure, f'A "line" & its slope {slope}.'), f"The slope is {slope}."


def test_a_change_answers_with_status_picture_and_alt_text() -> None:
    line = Line()
    assert line.status.value == "The slope is 1."
    seen = []
    line.status.observe(lambda change: seen.append(change.new), names="value")
    line.slope.value = 2
    assert seen == [WORKING, "The slope is 2."]  # the busy sign, then the answer
    found = re.fullmatch(
        r'<img src="data:image/png;base64,(.*?)" alt="(.*?)" style=".*">', line.picture.value
    )
    assert found and base64.b64decode(found[1]) == line.answer.png
    assert html.unescape(found[2]) == line.answer.alt == 'A "line" & its slope 2.'
    assert line.children == (line.slope, line.status, line.picture)


def test_a_setting_that_was_answered_returns_at_once() -> None:
    line = Line()
    first = line.answer
    line.slope.value = 2
    seen = []
    line.status.observe(lambda change: seen.append(change.new), names="value")
    line.slope.value = 1
    line.update()
    assert line.answer is first and line.drawn == [1, 2] and seen == ["The slope is 1."]


def test_bundle_has_the_live_widget_a_still_picture_and_words() -> None:
    line = Line()
    bundle = line._repr_mimebundle_(include=None, exclude=None)
    view = "application/vnd.jupyter.widget-view+json"
    assert set(bundle) == {view, "image/png", "text/plain"}
    assert bundle["text/plain"] == line.answer.alt
    assert base64.b64decode(bundle["image/png"]) == line.answer.png
    assert bundle[view]["model_id"] == line.model_id


def test_errors_are_shown_and_raised_where_no_front_end_is() -> None:
    line = Line()
    with pytest.raises(ValueError, match="that"):
        line.slope.value = 3
    assert line.status.value == "This setting has no answer: no line is &lt;that&gt; steep"
    assert line.picture.value == "" and "image/png" not in line._repr_mimebundle_()
    with pytest.raises(ZeroDivisionError):
        line.slope.value = 5
    assert line.status.value == "This setting has no answer: ZeroDivisionError: steep"
    with pytest.raises(ZeroDivisionError):  # an error is no answer to be kept
        line.update()
    line.slope.value = 1
    assert line.status.value == "The slope is 1." and line.answer.png


def test_errors_are_only_shown_to_a_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    monkeypatch.setattr(base, "asked_by_front_end", lambda: True)
    line.slope.value = 3
    assert "steep" in line.status.value


@pytest.mark.parametrize(
    ("control", "message"),
    [
        (widgets.IntSlider(description="a"), "continuous_update=False for 'a'"),
        (widgets.IntSlider(continuous_update=False), "a control with a description"),
    ],
)
def test_controls_must_be_named_and_patient(control: widgets.IntSlider, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Explorer().start(control)


def test_a_subclass_must_draw() -> None:
    with pytest.raises(NotImplementedError, match="draw"):
        Explorer().start()


def test_recent_keeps_the_latest_used() -> None:
    recent = Recent(2)
    asked = []
    for question in (1, 2, 1, 3, 1, 2):
        assert recent.get(question, lambda q=question: asked.append(q) or q) == question
    assert asked == [1, 2, 3, 2]  # 3 drove out 2, which had not been asked for so long
    assert len(recent) == 2 and 1 in recent and 3 not in recent
    with pytest.raises(ValueError, match="at least 1"):
        Recent(0)


# --- a slider moved in a browser reaches a kernel as a comm message ---------------------------

KERNEL_CODE = """
import ipywidgets as widgets
from promptad_tutorial.explorers.base import Explorer
from promptad_tutorial.figures.illustration import Illustration, blank_figure

class Line(Explorer):
    def __init__(self):
        super().__init__()
        self.slope = widgets.IntSlider(value=1, min=0, max=5, description="slope",
                                       continuous_update=False)
        self.start(self.slope)

    def draw(self):
        if self.slope.value == 3:
            raise ValueError("too steep")
        figure = blank_figure(2, 1)
        return Illustration(figure, "Nothing"), f"The slope is {self.slope.value}."

line = Line()
print(line.slope.model_id)
"""


@pytest.fixture(scope="module")
def kernel() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(kernel: BlockingKernelClient, code: str) -> tuple[str, str]:
    """What `code` prints, and the name of the error it raises."""
    printed, raised = [], []

    def keep(message: dict) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            printed.append(content["text"])
        if message["msg_type"] == "error":
            raised.append(content["ename"])

    kernel.execute_interactive(code, output_hook=keep, timeout=300)
    return "".join(printed).strip(), "".join(raised)


def test_in_a_kernel_a_cell_raises_and_a_moved_slider_does_not(
    kernel: BlockingKernelClient,
) -> None:
    model_id, raised = run(kernel, KERNEL_CODE)
    assert not raised
    assert run(kernel, "line.slope.value = 3") == ("", "ValueError")
    for slope, status in ((2, "The slope is 2."), (3, "This setting has no answer: too steep")):
        data = {"method": "update", "state": {"value": slope}, "buffer_paths": []}
        moved = kernel.session.msg("comm_msg", {"comm_id": model_id, "data": data})
        kernel.shell_channel.send(moved)
        errors = []
        while True:  # until the kernel has dealt with the message
            message = kernel.get_iopub_msg(timeout=300)
            if message["parent_header"].get("msg_id") != moved["header"]["msg_id"]:
                continue
            if message["msg_type"] in ("error", "stream"):
                errors.append(message["content"])
            if message["content"].get("execution_state") == "idle":
                break
        assert errors == []
        assert run(kernel, "print(line.status.value)") == (status, "")
