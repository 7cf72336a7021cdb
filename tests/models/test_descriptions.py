"""A sentence a class: none missing, none twice, whole in any vocabulary that has room for them."""

import pytest

from drr_jax.data import tokenizer
from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from drr_jax.models.systems import descriptions

CLASSES = {
    "reactionet": (facs.REACTIONET_AUS, "au"),
    "openface": (facs.OPENFACE_OCCURRENCE_AUS, "au"),
    "bp4d": (facs.BP4D_AUS, "au"),
    "disfa": (facs.DISFA_AUS, "au"),
    "ck_plus": (facs.CK_PLUS_AUS, "au"),
    "emotionet": (facs.EMOTIONET_AUS_11, "au"),
    "expressions": (facs.EXPRESSIONS, "expression"),
    "fer_plus": (facs.FER_PLUS_EXPRESSIONS, "expression"),
    "scenes": (("sport/table_tennis", "sport/soccer", "self_made/sadness"), "scene"),
}


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_a_sentence_that_32_whole_words_hold(name):
    names, task = CLASSES[name]
    sentences = descriptions.sentences(names, task)
    assert len(set(sentences)) == len(names)
    captions = {"a": 50, **{f"word{number}": 9 for number in range(300)}}
    counts = descriptions.with_words(captions, sentences)
    pieces = tokenizer.tokenizer_of(tokenizer.build_vocabulary(counts, 256))
    for sentence, tokens in zip(
        sentences, tokenizer.encode_texts(pieces, sentences, 32), strict=True
    ):
        seen = tokenizer.words_of(pieces, tokens)
        spoken = [word.strip(".,:").lower() for word in sentence.split()]
        assert seen == ["[CLS]", *spoken, "[SEP]"]


def test_words_of_descriptions_come_before_those_of_captions():
    counts = descriptions.with_words({"dog": 7, "brow": 2}, ["The brow. The BROW!"])
    assert counts == {"dog": 7, "brow": 10, "the": 8}
    assert descriptions.with_words({"dog": 7}, ()) == {"dog": 7}


def test_scenes_say_what_they_are_and_of_which_kind():
    (sentence,) = descriptions.sentences(["interview_public_speech/speech"], "scene")
    assert "speech" in sentence and "interview public speech" in sentence


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        ("AU99", "au", "class 'AU99' has no description for task=au: did you mean"),
        ("AU06", "expression", "class 'AU06' has no description for task=expression: known: anger"),
        ("soccer", "scene", "scene 'soccer' has no description: expected SCENE/SUB_SCENE"),
    ],
)
def test_a_class_without_a_sentence_is_refused(name, task, message):
    with pytest.raises(InputError) as error:
        descriptions.sentences([name], task)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
