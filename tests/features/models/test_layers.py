"""Which layers are meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giblet.errors import ParameterError
from giblet.features.models import choose_layers


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("4", (4,)),
        ("0", (0,)),
        ("-1", (6,)),
        ("-7", (0,)),
        ("2+4", (2, 4)),
        ("4+2+4", (2, 4)),
        ("0-6", (0, 1, 2, 3, 4, 5, 6)),
        ("3-3", (3,)),
        ("4--1", (4, 5, 6)),
        ("0-2+-1", (0, 1, 2, 6)),
        ("all", (0, 1, 2, 3, 4, 5, 6)),
    ],
)
def test_what_people_write(text, layers):
    assert choose_layers(text, 6) == layers


@pytest.mark.parametrize("text", ["7", "-8", "2+7", "5-7", "0-9999"])
def test_layers_that_there_are_not(text):
    with pytest.raises(ParameterError, match=r"the model has no layer \S+; choose from 0 to 6, or -1 for the last\."):
        choose_layers(text, 6)


def test_a_range_runs_upwards():
    with pytest.raises(ParameterError, match="the layers 4-2 run backwards"):
        choose_layers("4-2", 6)


@pytest.mark.parametrize("text", ["", "last", "1.5", "2+", "+2", "1-", "²", "1 2", "2,4", "99999", "--1", "ALL"])
def test_what_is_no_layer(text):
    with pytest.raises(ParameterError, match="write 4, -1"):
        choose_layers(text, 6)


@given(layers=st.sets(st.integers(0, 40), min_size=1), n_layers=st.integers(40, 60))
def test_any_set_can_be_written(layers, n_layers):
    assert choose_layers("+".join(map(str, layers)), n_layers) == tuple(sorted(layers))
    negative = "+".join(str(layer - n_layers - 1) for layer in layers)
    assert choose_layers(negative, n_layers) == tuple(sorted(layers))


@given(text=st.text("0123456789+-al", max_size=12), n_layers=st.integers(1, 60))
def test_whatever_is_written_gives_layers_of_the_model_or_one_sentence(text, n_layers):
    try:
        layers = choose_layers(text, n_layers)
    except ParameterError:
        return
    assert layers
    assert set(layers) <= set(range(n_layers + 1))
