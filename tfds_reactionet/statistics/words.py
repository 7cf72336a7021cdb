"""Words of the stimulus captions by action unit (supplement 1.9, Figure 6)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from drr_jax.errors import InputError
from drr_jax.pages import BLUE, GREY, RED, WIDTH, named, png
from tfds_reactionet.building import caption_words
from tfds_reactionet.statistics.counts import Counts

CLOUD_WORDS = 40
TYPICAL = 1.25  # lift from which a word's colour says that it is typical of the AU
_COLUMNS = 3


@dataclass(frozen=True)
class Word:
    """A word among the captions of frames in which an AU occurs."""

    word: str
    captions: int  # with the AU and the word
    share: float  # of the captions with the AU
    lift: float  # share over the word's share in all captions


def stop_words() -> frozenset[str]:
    """The wordcloud package's stop words, cut as captions are ("don't" is don and t).

    The supplement names a library "wordstop", of which nothing more is known.
    Raises InputError if the package is not installed.
    """
    try:
        from wordcloud import STOPWORDS
    except ModuleNotFoundError as error:
        raise InputError(
            "word clouds need wordcloud; install it: pip install 'drr-jax[statistics]'"
        ) from error
    return frozenset(word for entry in STOPWORDS for word in caption_words(entry))


def vocabulary(words: Counter[str]) -> tuple[int, int]:
    """Number of different words, with and without stop words."""
    return len(words), len(words.keys() - stop_words())


def au_words(counts: Counts, au: int) -> list[Word]:
    """Words of an AU, the most frequent first; stop words left out."""
    stops = stop_words()
    found = []
    for word, number in counts.au_words[au].items():
        if word not in stops:
            share = number / int(counts.au_captions[au])
            found.append(Word(word, number, share, share * counts.captions / counts.words[word]))
    return sorted(found, key=lambda word: (-word.captions, word.word))


def cloud_figure(counts: Counts, au_names: Sequence[str], shown: Sequence[str]) -> bytes:
    """A word cloud for each shown AU: size by frequency, colour by lift."""
    from wordcloud import WordCloud

    rows = -(-len(shown) // _COLUMNS)
    figure = Figure(figsize=(WIDTH, 2.35 * rows), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, name in zip(axes, shown, strict=False):
        words = au_words(counts, list(au_names).index(name))[:CLOUD_WORDS]
        axis.set_title(named(name), loc="left", fontsize=10.5, weight="bold")
        if not words:
            axis.text(0.5, 0.5, "no caption", ha="center", va="center", fontsize=10, color=GREY)
            continue
        typical = {word.word: word.lift for word in words}

        def colour(word: str, typical: dict[str, float] = typical, **_: object) -> str:
            lift = typical[word]
            return BLUE if lift >= TYPICAL else RED if lift <= 1 / TYPICAL else "#4a515c"

        cloud = WordCloud(
            width=660,
            height=400,
            background_color="white",
            prefer_horizontal=1.0,
            max_font_size=84,
            min_font_size=13,
            margin=5,
            random_state=0,
            color_func=colour,
        ).generate_from_frequencies({word.word: word.captions for word in words})
        axis.imshow(cloud.to_array(), interpolation="bilinear")
    return png(figure, dpi=130)
