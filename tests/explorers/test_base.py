"""What every explorer does: answers, keeps answers and tells of errors, also in a kernel."""

from __future__ import annotations

import base64
import html
import json
import queue
import random
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from types import SimpleNamespace

import ipywidgets as widgets
import numpy as np
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from PIL import Image

from promptad_tutorial.explorers import base
from promptad_tutorial.explorers.base import STILL, WORKING, Explorer
from promptad_tutorial.explorers.saving import WIDGET_VIEW, _load_jupyter_server_extension
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

    def draw(self, slope: int) -> tuple[Illustration, str]:
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
    assert bundle["text/plain"] == f"{line.answer.alt} {STILL}"
    shown = np.asarray(Image.open(BytesIO(base64.b64decode(bundle["image/png"]))).convert("RGB"))
    picture = np.asarray(Image.open(BytesIO(line.answer.png)).convert("RGB"))
    assert (shown[: len(picture)] == picture).all()
    assert shown[len(picture) :].min() < 150  # the line that says so
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


def test_controls_are_named_and_answer_when_let_go() -> None:
    with pytest.raises(ValueError, match="a control with a description"):
        Explorer().start(widgets.IntSlider())

    class Impatient(Line):
        def start(self, *controls: widgets.IntSlider) -> None:
            controls[0].continuous_update = True
            super().start(*controls)

    assert Impatient().slope.continuous_update is False


def test_a_subclass_must_draw() -> None:
    with pytest.raises(NotImplementedError, match="draw"):
        Explorer().start()


def test_the_answers_used_last_are_kept() -> None:
    class Forgetful(Line):
        kept = 2

    line = Forgetful()
    for slope in (2, 1, 4, 1, 2):
        line.slope.value = slope
        assert line.status.value == f"The slope is {slope}."
    assert line.drawn == [1, 2, 4, 2]  # 4 drove out 2, which had not been asked for so long
    assert list(line._answers) == [(1,), (2,)]


def test_a_saved_notebook_keeps_the_still_picture_and_not_the_view() -> None:
    hooks = []
    manager = SimpleNamespace(register_pre_save_hook=hooks.append)
    _load_jupyter_server_extension(SimpleNamespace(contents_manager=manager))
    live = {WIDGET_VIEW: {"model_id": "1"}, "image/png": "abc", "text/plain": "A line."}
    plain = {WIDGET_VIEW: {"model_id": "2"}, "text/plain": "IntSlider()"}
    cells = [
        {"cell_type": "markdown"},
        {"cell_type": "code", "outputs": [{"data": live}, {"data": plain}, {"text": "printed"}]},
    ]
    model = {"type": "notebook", "content": {"cells": cells}}
    hooks[0](model=model, path="a.ipynb", contents_manager=manager)
    assert set(live) == {"image/png", "text/plain"}
    assert set(plain) == {WIDGET_VIEW, "text/plain"}  # with nothing else to be shown
    before = json.dumps(model)
    hooks[0](model=model, path="a.ipynb", contents_manager=manager)
    assert json.dumps(model) == before
    for other in ({"type": "file", "content": "text"}, {"type": "notebook", "content": None}):
        hooks[0](model=other, path="a", contents_manager=manager)


# --- a front end moves controls while a cell runs, in another thread ----------------------------


class Gated(Explorer):
    """Like `Line`, but the answers for some slopes wait until their gate is opened."""

    def __init__(self, gates: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.gates = {slope: threading.Event() for slope in gates}
        self.begun: queue.Queue[int] = queue.Queue()
        self.slope = widgets.IntSlider(
            value=0, min=0, max=9, description="slope", continuous_update=False
        )
        self.shown: list[tuple[int, str]] = []
        self.status.observe(
            lambda change: self.shown.append((self.slope.value, change.new)), names="value"
        )
        self.start(self.slope)

    def draw(self, slope: int) -> tuple[Illustration, str]:
        self.begun.put(slope)
        if slope in self.gates:
            assert self.gates[slope].wait(60)
        return Illustration(blank_figure(1, 1), f"Slope {slope}."), f"The slope is {slope}."


def move(explorer: Gated, slope: int) -> threading.Thread:
    """Set the slope in a thread of its own; returns once the control has its value."""
    arrived = threading.Event()
    watch = lambda change: arrived.set()  # noqa: E731
    # before the explorer's own observer, which may wait for another answer
    explorer.slope._trait_notifiers["value"]["change"].insert(0, watch)
    thread = threading.Thread(target=lambda: setattr(explorer.slope, "value", slope))
    thread.start()
    assert arrived.wait(60)
    explorer.slope.unobserve(watch, names="value")
    return thread


def kept(explorer: Gated) -> dict[int, str]:
    """The status of every kept answer by its slope."""
    return {key[0]: answer.status for key, answer in explorer._answers.items()}


@pytest.mark.parametrize("moves", [(3, 5), (3, 5, 3), (3, 5, 7, 2), (3, 5, 0)])
def test_an_answer_that_comes_too_late_is_kept_but_not_shown(moves) -> None:
    """The first of the moves is being computed while the others come."""
    explorer = Gated((3,))
    assert explorer.begun.get(timeout=60) == 0
    threads = [move(explorer, moves[0])]
    assert explorer.begun.get(timeout=60) == 3
    threads += [move(explorer, slope) for slope in moves[1:]]
    explorer.gates[3].set()
    for thread in threads:
        thread.join(60)
    assert explorer.status.value == explorer.answer.status == f"The slope is {moves[-1]}."
    assert explorer.answer.alt in html.unescape(explorer.picture.value)
    assert kept(explorer) == {slope: f"The slope is {slope}." for slope in {0, 3, moves[-1]}}
    assert all(status in (WORKING, f"The slope is {slope}.") for slope, status in explorer.shown)


def test_an_error_that_comes_too_late_is_not_shown() -> None:
    class Failing(Gated):
        def draw(self, slope: int) -> tuple[Illustration, str]:
            found = super().draw(slope)
            if slope == 3:
                raise ValueError("too steep")
            return found

    explorer = Failing((3,))
    raised: list[type] = []
    before, threading.excepthook = threading.excepthook, lambda args: raised.append(args.exc_type)
    try:
        threads = [move(explorer, 3)]
        while explorer.begun.get(timeout=60) != 3:
            pass
        threads.append(move(explorer, 5))
        explorer.gates[3].set()
        for thread in threads:
            thread.join(60)
    finally:
        threading.excepthook = before
    assert raised == [ValueError]  # in the cell that asked for it
    assert explorer.status.value == "The slope is 5." and 3 not in kept(explorer)


@pytest.mark.parametrize("seed", range(8))
def test_many_hands_in_any_order_end_at_the_last_setting(seed) -> None:
    explorer = Gated()
    hands = random.Random(seed)
    orders = [[hands.randrange(10) for _ in range(12)] for _ in range(4)]

    def play(order: list[int]) -> None:
        for slope in order:
            explorer.slope.value = slope

    threads = [threading.Thread(target=play, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert explorer.status.value == f"The slope is {explorer.slope.value}."
    assert all(status == f"The slope is {slope}." for slope, status in kept(explorer).items())
    drawn = defaultdict(int)
    while not explorer.begun.empty():
        drawn[explorer.begun.get()] += 1
    assert set(drawn.values()) == {1}  # no setting was computed twice


def test_a_status_that_moves_a_control_does_not_wait_for_itself() -> None:
    explorer = Gated()

    def on(change) -> None:
        if change.new == "The slope is 4.":
            explorer.slope.value = 6

    explorer.status.observe(on, names="value")
    explorer.slope.value = 4
    assert explorer.status.value == "The slope is 6."


# --- a slider moved in a browser reaches a kernel as a comm message ---------------------------

KERNEL_CODE = """
import threading
begun, opened = threading.Event(), threading.Event()
import ipywidgets as widgets
from promptad_tutorial.explorers.base import Explorer
from promptad_tutorial.figures.illustration import Illustration, blank_figure

class Line(Explorer):
    def __init__(self):
        super().__init__()
        self.slope = widgets.IntSlider(value=1, min=0, max=5, description="slope",
                                       continuous_update=False)
        self.start(self.slope)

    def draw(self, slope):
        if slope == 3:
            raise ValueError("too steep")
        if slope == 4:
            begun.set()
            assert opened.wait(60)
        return Illustration(blank_figure(2, 1), "Nothing"), f"The slope is {slope}."

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


def test_a_slider_moved_while_a_cell_runs_wins(kernel: BlockingKernelClient) -> None:
    """In a subshell, as JupyterLab 4.6 sends what its widgets say; the cell asks for slope 4."""
    model_id, raised = run(kernel, KERNEL_CODE)
    assert not raised
    request = kernel.session.msg("create_subshell_request", {})
    kernel.control_channel.send(request)
    reply = kernel.get_control_msg(timeout=300)["content"]
    assert reply["status"] == "ok", reply
    cell = kernel.execute("line.slope.value = 4\nprint(line.status.value)")

    def in_subshell(kind: str, content: dict) -> str:
        message = kernel.session.msg(kind, content)
        message["header"]["subshell_id"] = reply["subshell_id"]
        kernel.shell_channel.send(message)
        return message["header"]["msg_id"]

    def code(text: str) -> str:
        return in_subshell("execute_request", {"code": text, "silent": False})

    code("begun.wait(60)")
    data = {"method": "update", "state": {"value": 5}, "buffer_paths": []}
    # the message waits for the answer that the cell computes, so another thread opens the gate
    ready = code(
        "def later():\n"
        "    while line.slope.value != 5: opened.wait(0.01)\n"
        "    opened.set()\n"
        "threading.Thread(target=later).start()\n"
        # newer kernels hand a message to the shell that the widget was last spoken to from
        "line.slope.send_state('value')"
    )
    done, errors = set(), []

    def wait_for(*awaited: str) -> None:
        while not done.issuperset(awaited):
            message = kernel.get_iopub_msg(timeout=300)
            if message["msg_type"] == "error":
                errors.append(message["content"])
            if message["content"].get("execution_state") == "idle":
                done.add(message["parent_header"].get("msg_id"))

    wait_for(ready)
    moved = in_subshell("comm_msg", {"comm_id": model_id, "data": data})
    wait_for(cell, moved)
    assert errors == []
    shown = "print(line.slope.value, line.status.value, line.answer.status)"
    assert run(kernel, shown) == ("5 The slope is 5. The slope is 5.", "")
    kept = "print({k[0]: a.status for k, a in line._answers.items()})"
    assert run(kernel, kept)[0] == (
        "{1: 'The slope is 1.', 4: 'The slope is 4.', 5: 'The slope is 5.'}"
    )
