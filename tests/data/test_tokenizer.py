"""Word pieces: the vocabulary, the encoding against a plain reference, files."""

import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drr_jax.data import tokenizer as tk
from drr_jax.errors import InputError

COUNTS = {"man": 5, "a": 9, "ball": 5, "football": 2, "running": 1, "10": 3, "foot": 1}
CHARACTERS = 36
VOCABULARY = tk.build_vocabulary(COUNTS)
TOKENIZER = tk.tokenizer_of(VOCABULARY)


def reference(caption, vocabulary, max_tokens):
    """Greedy longest-match word pieces, written plainly."""
    pieces = ["[CLS]"]
    for word in re.findall(r"[a-z0-9]+", caption.lower()):
        start, found = 0, []
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in vocabulary:
                    found.append(piece)
                    start = end
                    break
        pieces += found if len(word) <= 100 else ["[UNK]"]
    pieces = [*pieces[: max_tokens - 1], "[SEP]"]
    ids = [vocabulary.index(piece) for piece in pieces]
    return ids + [0] * (max_tokens - len(ids))


def test_vocabulary_order():
    assert VOCABULARY[:4] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    assert len(VOCABULARY) == len(set(VOCABULARY))
    words = VOCABULARY[4 + 2 * CHARACTERS :]
    assert words == ["ball", "man", "10", "football", "foot", "running"]
    shuffled = dict(sorted(COUNTS.items(), reverse=True))
    assert tk.build_vocabulary(shuffled) == VOCABULARY


def test_vocabulary_size_keeps_the_frequent():
    assert tk.build_vocabulary(COUNTS, 4 + 2 * CHARACTERS + 2)[-2:] == ["ball", "man"]
    with pytest.raises(InputError, match=r"text\.vocabulary=10: expected at least 76"):
        tk.build_vocabulary(COUNTS, 10)


def test_known_pieces():
    ids = tk.encode_texts(TOKENIZER, ["A man, RUNNING a footman!", ""], 12)
    assert ids.dtype == np.int32 and ids.shape == (2, 12)
    pieces = ["[CLS]", "a", "man", "running", "a", "foot", "##m", "##a", "##n", "[SEP]"]
    assert tk.words_of(TOKENIZER, ids[0]) == pieces
    assert tk.words_of(TOKENIZER, ids[1]) == ["[CLS]", "[SEP]"]


def test_caption_cannot_spell_a_special_piece():
    ids = tk.encode_texts(TOKENIZER, ["[PAD] [SEP]"])[0]
    assert ids.tolist() == reference("[PAD] [SEP]", VOCABULARY, 32)
    assert tk.words_of(TOKENIZER, ids)[1:4] == ["p", "##a", "##d"]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abfmotlnrug 01,.-É[]P'", max_size=60), st.integers(2, 40))
def test_encoding_equals_reference(caption, max_tokens):
    ids = tk.encode_texts(TOKENIZER, [caption], max_tokens)[0]
    assert ids.tolist() == reference(caption, VOCABULARY, max_tokens)


def test_save_and_load(tmp_path):
    path = tmp_path / "tokenizer.json"
    tk.save_tokenizer(TOKENIZER, path)
    captions = ["a man kicks the football", "10 balls"]
    again = tk.encode_texts(tk.load_tokenizer(path), captions)
    np.testing.assert_array_equal(again, tk.encode_texts(TOKENIZER, captions))
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"]


@pytest.mark.parametrize("content", [None, "{", "{}", '{"model": 3}'])
def test_bad_file_is_named(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"tokenizer.*tokenizer\.json"):
        tk.load_tokenizer(path)


def test_padding_must_be_zero(tmp_path):
    other = tk.tokenizer_of([*VOCABULARY[1:], "[PAD]"])
    tk.save_tokenizer(other, tmp_path / "tokenizer.json")
    with pytest.raises(InputError, match=r"\[PAD\] has id .*, expected 0"):
        tk.load_tokenizer(tmp_path / "tokenizer.json")


def test_imports_no_transformers():
    code = (
        "import sys, drr_jax.data.tokenizer; assert not {'transformers', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
