"""Every failure that the environment check knows, provoked."""

import pytest

from promptad_tutorial.commands import environment
from promptad_tutorial.commands.environment import Check, check_environment


def test_a_failing_look_is_reported_with_its_remedy_and_the_others_still_run(monkeypatch):
    monkeypatch.setenv("PROMPTAD_DATA", "/nowhere/at/all")
    report = check_environment()
    assert not report.passed
    assert len(report) == 4
    failed = [check for check in report if not check.passed]
    assert failed[-1].remedy == "correct PROMPTAD_DATA"
    assert repr(failed[-1]).startswith("[fix] PROMPTAD_DATA=/nowhere/at/all")


def test_a_ready_environment_passes_every_check():
    report = check_environment()
    assert report.passed, repr(report)
    assert [line[:4] for line in repr(report).splitlines()] == ["[ok]"] * 4


def test_an_old_python_is_reported(monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 2))
    with pytest.raises(RuntimeError, match=r"expected Python 3\.11 or newer"):
        environment.find_python()


def test_missing_and_old_packages_are_named(monkeypatch):
    monkeypatch.setattr(
        environment, "requires", lambda name: ["numpy>=99", "no-such-package>=1", "torch>=1"]
    )
    with pytest.raises(RuntimeError) as error:
        environment.find_packages()
    assert "numpy>=99 (found" in str(error.value)
    assert "no-such-package>=1 (found nothing)" in str(error.value)
    assert "torch" not in str(error.value)


def test_extras_are_not_asked_for(monkeypatch):
    monkeypatch.setattr(environment, "requires", lambda name: ['nothing-at-all>=1; extra == "x"'])
    assert environment.find_packages() == "every package is there and new enough"


def test_a_check_reads_as_one_line():
    assert repr(Check(True, "fine")) == "[ok]  fine"
    assert repr(Check(False, "broken", "mend it")) == "[fix] broken: mend it"
