"""What processes do together, by one process alone."""

import os

import pytest

from drr_jax.errors import InputError
from drr_jax.runs import together


def test_from_main_passes_answers_and_errors_on():
    assert together.from_main(lambda: [1, "zwölf"]) == [1, "zwölf"]

    def fails():
        raise InputError("no such folder")

    with pytest.raises(InputError, match="no such folder"):
        together.from_main(fails)

    with pytest.raises(InputError, match="/nowhere: No such file or directory"):
        together.from_main(lambda: os.rmdir("/nowhere"))
