"""The run-time type checker that jaxtyping puts on every function of the package."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

# As in PEP 484, an int is welcome where a float is asked for.
check_types = beartype(conf=BeartypeConf(is_pep484_tower=True))
