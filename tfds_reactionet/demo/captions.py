"""Captions of the demo release: about 20 words on what a stimulus frame shows, with distractors."""

import numpy as np

from tfds_reactionet.demo.content import PHRASES, SUB_SCENES

_WRONG = 0.1  # share of captions that miss the event, as a captioning model would


def _one(rng: np.random.Generator, choices: list[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def write_caption(
    rng: np.random.Generator, scene: str, sub_scene: str, event: str, visible: bool
) -> str:
    """A sentence of 12 to 30 words, mostly about 20; names the event if it is visible, mostly."""
    declared = SUB_SCENES[scene, sub_scene]
    shown = visible and rng.uniform() >= _WRONG
    actor, place = _one(rng, declared.who), _one(rng, declared.where)
    deed = _one(rng, declared.events[event].say if shown else declared.quiet)
    extras = [str(e) for e in rng.choice(PHRASES["extras"], 2, replace=False)]
    form = int(rng.integers(4))
    opener = _one(rng, PHRASES["openers"]) if form in (0, 3) else ""
    adverb = _one(rng, PHRASES["adverbs"]) if form in (1, 3) else ""
    sentence = (
        f"{opener} {actor} {place} {deed} {extras[0]}",
        f"{place} {actor} {deed} {adverb} {extras[0]}",
        f"{actor} {deed} {place} {extras[0]}",
        f"{opener} {actor} {deed} {adverb} {place}",
    )[form]
    if len(sentence.split()) < 18:
        sentence += f" {extras[1]}"
    return sentence + "."
