"""Captions to word pieces, with a vocabulary of the training captions (method 4)."""

import os
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int32
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from drr_jax import files, json_text, limits
from drr_jax.errors import InputError

TOKENIZER_FILE = "tokenizer.json"
PAD, UNK, CLS, SEP = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
SPECIALS = (PAD, UNK, CLS, SEP)  # ids 0, 1, 2, 3
CONTINUATION = "##"  # prefix of a piece inside a word
# What a word is: the same rule as the builder's `caption_words`.
WORD = "[a-z0-9]+"
BETWEEN_WORDS = "[^a-z0-9]+"


def words_in(caption: str) -> list[str]:
    """Lower-case words of a caption."""
    return re.findall(WORD, caption.lower())


def build_vocabulary(word_counts: Mapping[str, int], size: int = 8192) -> list[str]:
    """WordPiece vocabulary of at most `size` pieces: a word is whole if frequent, else spelled.

    Specials first ([PAD] is 0), then every character at the start of a word and inside it, then
    words by falling count, ties by alphabet. Depends on `word_counts` alone, not on its order.
    Raises InputError if `size` has no room for the characters. Source: reconstruction (method 4).
    """
    characters = sorted({*string.ascii_lowercase, *string.digits, *"".join(word_counts)})
    vocabulary = [*SPECIALS, *characters, *(CONTINUATION + piece for piece in characters)]
    if size < len(vocabulary):
        raise InputError(
            f"config key text.vocabulary={size}: expected at least {len(vocabulary)}, the special "
            "pieces and single characters"
        )
    words_of = sorted(word_counts, key=lambda word: (-word_counts[word], word))
    vocabulary += [word for word in words_of if len(word) > 1][: size - len(vocabulary)]
    return vocabulary


def tokenizer_of(vocabulary: Sequence[str]) -> Tokenizer:
    """A lower-casing tokenizer of greedy longest-match word pieces, `[CLS] ... [SEP]`."""
    ids = {piece: index for index, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(
        models.WordPiece(ids, unk_token=UNK, continuing_subword_prefix=CONTINUATION)
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(BETWEEN_WORDS), behavior="removed")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{CLS} $A {SEP}", special_tokens=[(CLS, ids[CLS]), (SEP, ids[SEP])]
    )
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, path: str | os.PathLike) -> None:
    """Writes the tokenizer as a tokenizer.json, whole or not at all."""
    files.write_whole(Path(path), tokenizer.to_str(pretty=True))


def load_tokenizer(path: str | os.PathLike) -> Tokenizer:
    """Reads a tokenizer.json, ours or of a BERT-family model.

    Raises InputError if the file is missing, is no tokenizer, or does not pad with id 0.
    """
    path = Path(path)
    try:
        text = files.read_at_most(path, limits.TOKENIZER_BYTES).decode()
        json_text.parse(text, dict)
        tokenizer = Tokenizer.from_str(text)
    except FileNotFoundError:
        raise InputError(f"tokenizer {path}: no such file, expected a tokenizer.json") from None
    except Exception as error:  # the library raises bare Exception for a bad file
        raise InputError(f"tokenizer {path}: not a tokenizer.json ({error})") from None
    return _checked(tokenizer, path)


def _checked(tokenizer: Tokenizer, path: Path) -> Tokenizer:
    if tokenizer.token_to_id(PAD) != 0:
        raise InputError(f"tokenizer {path}: {PAD} has id {tokenizer.token_to_id(PAD)}, expected 0")
    # a file may bring a padding and truncation of its own; ours is `encode_texts`
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def load_tokenizer_folder(folder: Path) -> Tokenizer:
    """The tokenizer beside a model's weights: its tokenizer.json, or BERT's vocab.txt.

    `transformers` reads the latter, with tokenizer_config.json if there is one. Raises InputError
    as `load_tokenizer`, or if the folder has neither.
    """
    file = folder / "vocab.txt"
    if (folder / TOKENIZER_FILE).is_file() or not file.is_file():
        return load_tokenizer(folder / TOKENIZER_FILE)
    from transformers import BertTokenizer  # takes seconds, which most runs need not spend

    try:
        text = files.read_at_most(file, limits.DOCUMENT_BYTES).decode()
        vocabulary = text.rstrip("\n").split("\n")
        tokenizer = BertTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the library's own, JSON's and the encoding's alike
        raise InputError(f"tokenizer {folder}: damaged files ({error})") from None
    # It would give pieces that are not there numbers that the model has no vectors for.
    if len(set(vocabulary)) != len(vocabulary) or not set(SPECIALS) <= set(vocabulary):
        raise InputError(
            f"tokenizer {file}: expected different pieces, {', '.join(SPECIALS)} among them"
        )
    return _checked(tokenizer.backend_tokenizer, file)


def encode_texts(
    tokenizer: Tokenizer, captions: Iterable[str], max_tokens: int = 32
) -> Int32[np.ndarray, "captions tokens"]:
    """Token ids of captions, `[CLS] pieces [SEP]` cut to `max_tokens` and padded with 0.

    A cut caption still ends with [SEP].
    """
    # one by one: encode_batch would start a thread pool in every reading thread
    encoded = [tokenizer.encode(caption).ids for caption in captions]
    tokens = np.zeros((len(encoded), max_tokens), np.int32)
    for row, ids in zip(tokens, encoded, strict=True):
        if len(ids) > max_tokens:
            ids = [*ids[: max_tokens - 1], ids[-1]]
        row[: len(ids)] = ids
    return tokens


def words_of(tokenizer: Tokenizer, tokens: Int32[np.ndarray, "tokens"]) -> list[str]:
    """The piece behind each token id, padding left out; for figures that label caption words."""
    return [tokenizer.id_to_token(int(token)) or UNK for token in tokens if token != 0]
