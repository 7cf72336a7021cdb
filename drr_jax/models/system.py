"""What every system of the paper's tables gives the training loop and the evaluation."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from drr_jax.config import Config, letters
from drr_jax.facs import DOMAINS, HIGHEST, PREDICT_DOMAINS, SOUND
from drr_jax.models.encoders import Images, normalise_image
from drr_jax.models.losses import CLASSIFICATION, Targets, own_labels

# What a batch holds for an input of the data set, if it is not called the same.
BATCH_KEYS = {"caption": "tokens"}
Terms = dict[str, Float[Array, ""]]


def batch_key(domain: str) -> str:
    """Where a batch has a domain: "S" -> "stimulus", "T" -> "tokens"."""
    return BATCH_KEYS.get(DOMAINS[domain].input, DOMAINS[domain].input)


class System(nn.Module):
    """Base of DRR, the baselines and the comparators: a batch in, named outputs out.

    A system defines `__call__(batch, train)`, which returns a dict with `logits` {name: [batch,
    classes]} and whatever else its loss or the report wants, and overrides the rest where the
    defaults do not fit. The batch has uint8 images [batch, height, width, 3] under reaction,
    stimulus, depth and thermal, int32 tokens [batch, tokens], uint8 audio [batch, steps, bands],
    float32 landmarks [batch, 68, 2] in
    pixels, of these what `train_inputs` and `test_inputs` ask for; in training also `progress`, the
    share of the run that is done, `step`, if the contrast warms up, and `labels`.
    """

    config: Config
    classes: int
    prior: Sequence[Sequence[float]]  # relation P, [classes, classes], after graph.prior
    dtype: jnp.dtype = jnp.float32
    descriptions: Sequence[Sequence[int]] = ()  # token ids of a sentence a class, 0 is padding
    names: Sequence[str] = ()  # of the classes

    needs_descriptions: ClassVar[bool] = False

    @classmethod
    def check_names(cls, names: Sequence[str]) -> None:
        """Raises InputError for a class that the system cannot detect; here for none."""

    @property
    def face(self) -> str:
        """The letter of the face's image: R or V, or the first domain where there is neither."""
        reaction = (domain for domain in self.domains if domain in PREDICT_DOMAINS["reaction"])
        return next(reaction, self.domains[0])

    @property
    def face_encoder(self) -> str:
        """The top-level name of the parameters that encode the face alone; "" if none do."""
        return ""

    @property
    def domains(self) -> tuple[str, ...]:
        """The training domains, as in R, S, T."""
        return letters(self.config.domains)

    @property
    def encoder_domains(self) -> tuple[str, ...]:
        """The domains whose encoders may start from weights; T also reads class descriptions."""
        text = ("T",) if self.needs_descriptions and "T" not in self.domains else ()
        return (*(domain for domain in self.domains if domain != SOUND), *text)

    @property
    def train_inputs(self) -> tuple[str, ...]:
        """Inputs of the data set that training reads."""
        return tuple(DOMAINS[domain].input for domain in self.domains)

    @property
    def test_inputs(self) -> tuple[str, ...]:
        """Inputs of the data set that a prediction reads."""
        return self.train_inputs

    @nn.nowrap
    def image(
        self, domain: str, batch: Mapping[str, Array], dtype: jnp.dtype | None = None
    ) -> Images:
        """The domain's images of a batch, normalised as its encoder's weights want them."""
        encoder = getattr(self.config.model.encoders, domain)
        return normalise_image(batch[batch_key(domain)], dtype or self.dtype, encoder)

    @nn.nowrap
    def activation(self, logits: Float[Array, "batch classes"]) -> Float[Array, "batch classes"]:
        """What logits say: probabilities by a sigmoid for AUs, by a softmax for expressions and
        scenes; intensities as they are, cut to 0 to 5."""
        if self.config.task == "intensity":
            return jnp.clip(logits, 0, HIGHEST)
        return nn.sigmoid(logits) if self.config.task == "au" else nn.softmax(logits)

    @nn.nowrap
    def probabilities(self, outputs: Mapping) -> Float[Array, "batch classes"]:
        """The prediction among a call's outputs, or intensities; here of the only logits."""
        (logits,) = outputs["logits"].values()
        return self.activation(logits)

    def predict(self, batch: Mapping[str, Array]) -> Float[Array, "batch classes"]:
        """Class probabilities; `batch` has the test inputs."""
        return self.probabilities(self(batch, train=False))

    def explain(
        self, batch: Mapping[str, Array]
    ) -> tuple[Float[Array, "batch classes"], Float[Array, "batch height width classes"] | None]:
        """The prediction, and where in the face it looked for each class, if the system tells.

        A system that trains on more than it predicts from tells only if it overrides this.
        """
        if self.test_inputs != self.train_inputs:
            return self.predict(batch), None
        outputs = self(batch, train=False)
        return self.probabilities(outputs), outputs.get("attention", {}).get(self.face)

    @nn.nowrap
    def loss(
        self, outputs: Mapping, batch: Mapping[str, Array], targets: Targets
    ) -> tuple[Float[Array, ""], Terms]:
        """The training loss and its terms by name; here the classification loss of all logits."""
        classify = CLASSIFICATION[self.config.task]
        terms = {
            f"loss/{name}": classify(
                logits, own_labels(outputs, name, targets.labels), targets.class_weights
            )
            for name, logits in outputs["logits"].items()
        }
        return sum(terms.values(), jnp.zeros(())), terms
