"""What the classes look like, in words: one sentence an action unit, expression or scene.

For systems that read the meaning of their labels (SEV-Net, method 7.2). The sentences are ours:
what FACS says of a muscle's visible effect, in plain words, short enough for 32 word pieces.
"""

import re
from collections.abc import Mapping, Sequence

from drr_jax.errors import InputError, nearest

ACTION_UNITS = {
    "AU01": "The inner ends of the eyebrows are pulled up, and short wrinkles cross the middle of "
    "the forehead.",
    "AU02": "The outer ends of the eyebrows are pulled up and arch, and wrinkles rise at the sides "
    "of the forehead.",
    "AU04": "The eyebrows are drawn down and together, and upright furrows stand between them.",
    "AU05": "The upper eyelid is lifted, so that the eye opens wide and white shows above the "
    "iris.",
    "AU06": "The cheeks are pushed up towards the eyes, which narrow, and wrinkles spread from the "
    "outer corners of the eyes.",
    "AU07": "The eyelids tighten and the lower lid straightens, so that the eye becomes narrow.",
    "AU09": "The nose wrinkles along its sides and root, and the wings of the nose and the middle "
    "of the upper lip are pulled up.",
    "AU10": "The upper lip is raised, most beside its centre, and the fold from the nose to the "
    "mouth deepens and bends.",
    "AU12": "The corners of the lips are pulled back and up towards the cheekbones, as in a smile.",
    "AU14": "The corners of the mouth are tightened inwards against the teeth, and dimples form "
    "beside them.",
    "AU15": "The corners of the lips are pulled down, so that the mouth curves downwards.",
    "AU17": "The chin is pushed up and its skin wrinkles, and the lower lip is lifted.",
    "AU20": "The lips are stretched sideways towards the ears, and the mouth becomes long and "
    "flat.",
    "AU23": "The lips tighten and become narrow, and their red parts seem thinner.",
    "AU24": "The lips are pressed against each other and become narrow, while the chin stays at "
    "rest.",
    "AU25": "The lips are apart, and the teeth or the inside of the mouth may be seen.",
    "AU26": "The jaw drops as if relaxed, and a space opens between the upper and the lower teeth.",
    "AU28": "The lips are sucked into the mouth over the teeth, so that their red parts vanish.",
    "AU43": "The upper eyelids hang down and the eyes stay closed.",
    "AU45": "Both eyes close and open again at once in a blink.",
}
EXPRESSIONS = {
    "anger": "An angry face: the brows are lowered and drawn together, the eyes stare and the lips "
    "are pressed or tight.",
    "disgust": "A disgusted face: the nose is wrinkled and the upper lip is raised.",
    "fear": "A frightened face: the brows are raised and drawn together, the eyes are wide and the "
    "lips are stretched.",
    "happy": "A happy face: the corners of the lips are pulled up in a smile and the cheeks are "
    "raised.",
    "sad": "A sad face: the inner ends of the brows are raised and the corners of the lips are "
    "pulled down.",
    "surprise": "A surprised face: the brows are raised, the eyes are wide open and the jaw drops.",
    "neutral": "A calm face at rest, on which no muscle moves.",
    "contempt": "A scornful face: one corner of the mouth is tightened and raised.",
}
SCENE = "A person watches a video of {sub_scene}, which belongs to the kind {scene}."


def sentences(names: Sequence[str], task: str) -> tuple[str, ...]:
    """A sentence for each class of a task, in the order of `names`.

    Names are those of `facs`: "AU01", "anger", "sport/table_tennis". Raises InputError for an
    action unit or an expression that has none, and for a scene without its kind.
    """
    if task == "scene":
        return tuple(_scene(name) for name in names)
    known = EXPRESSIONS if task == "expression" else ACTION_UNITS
    for name in names:
        if name not in known:
            raise InputError(
                f"class {name!r} has no description for task={task}: {nearest(name, [*known])}; "
                "add one to drr_jax/models/systems/descriptions.py"
            )
    return tuple(known[name] for name in names)


def _scene(name: str) -> str:
    scene, _, sub_scene = name.partition("/")
    if not (scene and sub_scene):
        raise InputError(f"scene {name!r} has no description: expected SCENE/SUB_SCENE")
    return SCENE.format(scene=scene.replace("_", " "), sub_scene=sub_scene.replace("_", " "))


def with_words(counts: Mapping[str, int], texts: Sequence[str]) -> dict[str, int]:
    """Word counts of captions with the words of `texts` ahead of all others.

    A vocabulary of the most frequent words (`tokenizer.build_vocabulary`) then has them whole.
    """
    first = max(counts.values(), default=0) + 1
    words = {word for text in texts for word in re.findall("[a-z0-9]+", text.lower())}
    return {**counts, **{word: first + counts.get(word, 0) for word in sorted(words)}}
