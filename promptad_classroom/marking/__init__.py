"""Marks for answers: a learner's function is checked in a process that never runs her cells.

Her code runs in a second process (`worker`), which only gets inputs and returns outputs. So
printing "pass", or replacing the checks, changes nothing in the first (`judge`). This module
imports nothing: the second process shall not load what the first one needs.
"""
