"""Captions of the demo release: about 20 words on what a stimulus frame shows, with distractors."""

from functools import cache

import numpy as np

# A head line for each sub-scene, then "key: alternative | alternative"; who does what where while
# nothing happens, and the clauses of both events.
_TABLE = """
sport/soccerball
  who: a striker | a soccer player | the forward | a footballer
  where: on a green soccer pitch | in a crowded stadium | near the penalty box
  quiet: dribbles the ball | looks for a pass | jogs toward the net
  goal: scores a brilliant goal and raises both arms | kicks the ball past the keeper into the net
  foul: sees a red card after a nasty tackle |
    argues with the referee while a rival lies on the grass
sport/basketball
  who: a basketball player | the point guard | a tall athlete
  where: on a wooden court | under the hoop | in a loud arena
  quiet: bounces the ball | waits for the screen | walks up the floor
  dunk: leaps and slams a huge dunk | throws the ball down through the rim
  miss: misses the last shot as the buzzer sounds | drops his head after an air ball
sport/boxing
  who: a boxer | the champion in red shorts | a prize fighter
  where: in a boxing ring | between the ropes | under hard lights
  quiet: circles with raised gloves | keeps a tight guard | throws a light jab
  knockout: lands a punch and the opponent falls flat | delivers a sudden knockout
  blood: opens a deep cut and blood covers the face |
    keeps hitting while blood drips on the canvas
show/talk_show
  who: a talk show host | the presenter | a famous guest
  where: at a desk in a studio | on a late night stage | before a city skyline
  quiet: chats calmly | sips from a mug | reads a card
  joke: tells a joke and the audience laughs | cracks up over a silly story
  tears: wipes away tears while recalling a loss | starts crying during a confession
show/magic_show
  who: a magician | the illusionist | a man with a top hat
  where: between red curtains | on a dark stage | in a small theater
  quiet: waves a wand over a box | shows an empty hat | shuffles his cards
  reveal: makes a white dove appear out of the hat |
    reveals an impossible trick in a shower of sparks
  fail: drops all the cards on the floor | fumbles the trick and the hat goes up in smoke
show/concert_show
  who: a singer | the pop star | a band
  where: on a concert stage | between tall speakers | in front of a dancing crowd
  quiet: performs a verse | holds the microphone | tunes up for a song
  chorus: belts the chorus as fireworks go off | dances under flashing lights of every colour
  ballad: sings a slow lonely ballad in blue light | whispers the last lines of a mournful song
animation/family_friendly
  who: a cartoon bear | two little animals | a fluffy fox cub
  where: in a sunny meadow | beside a small house | on a painted hill
  quiet: plays around | walks along the path | looks at the clouds
  hug: hugs a friend while hearts float up | cuddles happily with a tiny buddy
  lost: sits lost and weeping in the rain | cries alone after the family has left
animation/fantasy
  who: a young wizard | an animated princess | a small witch
  where: near a purple castle | below a glowing moon | in a magic kingdom
  quiet: wanders through the valley | studies the stars | waits quietly
  magic: casts a spell and sparkling stars whirl around | transforms inside a ring of light
  dragon: faces a huge dragon breathing fire | runs as flames pour out of the beast
animation/action
  who: a caped hero | the cartoon hero | an animated agent
  where: above the city | between tall towers | on a wide street
  quiet: runs along the road | watches the skyline | gets ready
  explosion: is thrown back by a giant explosion | dodges a blast that tears up the street
  villain: is mocked by a cruel green villain | confronts an evil monster who grins and threatens
film/horror
  who: a woman | a lone girl | somebody
  where: in a dark corridor | inside an abandoned hospital | in a gloomy hallway
  quiet: walks slowly | listens at the door | holds a weak lamp
  scare: is attacked by a pale screaming face | meets a ghostly figure that jumps at the camera
  gore: lies in a pool of blood beside a severed arm | finds gory stains all over the walls
film/romance
  who: a young couple | two lovers | a man and a woman
  where: at sunset by the sea | on a quiet beach | under a warm sky
  quiet: talk in low voices | stand side by side | look at each other
  kiss: kiss tenderly while hearts rise | finally embrace and smile
  parting: say goodbye in the pouring rain | break up and weep
film/western
  who: a cowboy | the sheriff | a gunslinger
  where: in a dusty town | outside the saloon | under the desert sun
  quiet: stares down the street | adjusts his hat | waits near a cactus
  shot: fires his pistol with a loud bang | is shot in a sudden duel
  fire: watches bandits burn down the ranch | returns to find the saloon in flames
game/action
  who: a shooter game player | the soldier on the screen | a game character
  where: in a ruined city | behind a crosshair | on a war map
  quiet: aims the rifle | reloads the gun | hunts an enemy
  victory: wins the match and a victory banner appears |
    beats the last enemy as gold letters pop up
  defeat: dies again and the screen turns red | loses everything in a game over
game/simulation
  who: a race car | a driver simulator | the truck
  where: seen from the cockpit | on a country road | behind the wheel
  quiet: cruises along the lane | follows another car | speeds up
  crash: crashes into the wreck ahead with burning sparks | smashes the windscreen in an accident
  jam: is stuck in a traffic jam of honking cars | waits forever behind blocked vehicles
game/puzzle
  who: a puzzle board | a grid of blocks | a brain teaser
  where: on a plain screen | in a logic game | of bright colours
  quiet: waits for the next move | slides a tile | has a few gaps
  solved: is solved and confetti rains down | clicks together with a green check mark
  collapse: collapses and all blocks tumble down | breaks apart next to a red cross
object/food_related_content
  who: a plate of food | a home made dish | the chef's meal
  where: on a wooden table | between fork and knife | in a kitchen
  quiet: is being served | rests on white china | gets a final touch
  tasty: steams and looks delicious with fresh herbs | tastes wonderful and smells of butter
  rotten: is rotten and crawling with worms and flies | turns out moldy slimy and full of maggots
object/instrument_related_content
  who: a musician | the pianist | a guitar player
  where: in a rehearsal room | on a dim stage | close to the camera
  quiet: plays a few notes | practices scales | warms up the fingers
  solo: plays a dazzling solo and gets applause | finishes a virtuoso piece to cheers
  wrong_note: hits a horrible wrong note that squeals | makes an awful screeching noise
object/living_organism_related_content
  who: a small animal | some wildlife | a creature
  where: in the grass | near a fallen branch | in the garden
  quiet: sits still | sniffs the air | hides behind the leaves
  kitten: turns out to be two adorable kittens cuddling | purrs as a cute kitten plays along
  spider: is a giant hairy spider crawling closer | shows eight black legs and red eyes
self_made/funny_related
  who: a teenager | a guy | the prankster
  where: in a living room | in a home video | on a kitchen floor
  quiet: walks past a sofa | carries some bags | looks into the phone
  slip: slips on a banana peel and falls over | tumbles in the silliest way
  mean: gets a bucket of mud dumped on the head | is humiliated by a cruel prank
self_made/fear_related
  who: a vlogger | a person with a flashlight | the camera
  where: in a graveyard at night | among bare trees | under a full moon
  quiet: explores slowly | shows an old tombstone | moves along the path
  ghost: captures a white ghost rising from a grave | screams as a phantom floats closer
  hoax: laughs because the ghost is a friend in a sheet | finds that the haunting was a prank
self_made/sadness_related
  who: a couple | a daughter | two old friends
  where: at a train station | on an empty platform | under a station clock
  quiet: wait with a suitcase | stand together | check the time
  farewell: sob as the train leaves in the rain | say a heartbreaking farewell
  reunion: run into a long awaited hug | meet again after years apart
interview_public_speech/interview
  who: a reporter | an actress | the interviewer
  where: on two armchairs | in a bright office | next to a painting
  quiet: asks a question | nods politely | listens to the answer
  hilarious: bursts out laughing at a hilarious answer | gives a ridiculous funny reply
  rude: shouts insults and swears at the host | gives a rude hostile answer
interview_public_speech/speech
  who: a speaker | the director | a politician
  where: at a wooden podium | on a conference stage | before a seated audience
  quiet: presents a chart | begins a lecture | thanks the guests
  announcement: announces an amazing new product amid confetti | reveals unexpected record results
  tribute: mourns a late colleague beside candles | gives a tearful tribute to the dead
interview_public_speech/debate
  who: a candidate | one of two rivals | the senator
  where: in a televised debate | between blue and red walls | at twin lecterns
  quiet: answers the moderator | waits for the turn | quotes a number
  attack: points a finger and yells liar | attacks the rival with angry accusations
  blunder: forgets the answer and stares in confusion | makes an embarrassing blunder
"""

_OPENERS = (
    "the video shows how",
    "in this clip",
    "we can see that",
    "on the screen",
    "at this moment",
    "here",
    "suddenly",
    "a shaky recording shows how",
    "the scene begins as",
    "this frame shows how",
)
_EXTRAS = (
    "while music plays in the background",
    "with a logo in one corner",
    "and the camera zooms slowly",
    "as subtitles run along the bottom",
    "filmed from the left side",
    "with soft light on the floor",
    "and several people stand behind",
    "during a short break",
    "next to a large window",
    "with a channel name above",
    "as the picture gets slightly blurry",
    "recorded on a phone last summer",
    "and a timer counts in the corner",
    "while someone talks off screen",
    "in high resolution",
    "with a thin frame around the image",
    "and a dog barks far away",
    "on an ordinary afternoon",
    "as clouds drift by",
    "with bright colours everywhere",
    "in the middle of the video",
    "shortly before an advertisement",
)
_ADVERBS = (
    "slowly",
    "quietly",
    "now",
    "again",
    "once more",
    "quickly",
    "for a while",
    "carefully",
    "clearly",
    "briefly",
)
_WRONG = 0.1  # share of captions that miss the event, as a captioning model would


@cache
def _phrases() -> dict[str, dict[str, tuple[str, ...]]]:
    """ "scene/sub_scene" -> key of _TABLE -> alternatives."""
    table: dict[str, dict[str, str]] = {}
    entry: dict[str, str] = {}
    key = ""
    for line in _TABLE.strip().splitlines():
        if not line.startswith(" "):
            entry = table.setdefault(line, {})
        elif not line.startswith("    "):
            key, text = line.strip().split(": ", 1)
            entry[key] = text
        else:
            entry[key] += " " + line.strip()
    return {
        name: {key: tuple(part.strip() for part in text.split("|")) for key, text in rows.items()}
        for name, rows in table.items()
    }


def _one(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]


def write_caption(
    rng: np.random.Generator, scene: str, sub_scene: str, event: str, visible: bool
) -> str:
    """A sentence of 12 to 30 words, mostly about 20; names the event if it is visible, mostly."""
    phrases = _phrases()[f"{scene}/{sub_scene}"]
    shown = visible and rng.uniform() >= _WRONG
    actor, place = _one(rng, phrases["who"]), _one(rng, phrases["where"])
    deed = _one(rng, phrases[event if shown else "quiet"])
    extras = [str(e) for e in rng.choice(_EXTRAS, 2, replace=False)]
    form = int(rng.integers(4))
    if form == 0:
        sentence = f"{_one(rng, _OPENERS)} {actor} {place} {deed} {extras[0]}"
    elif form == 1:
        sentence = f"{place} {actor} {deed} {_one(rng, _ADVERBS)} {extras[0]}"
    elif form == 2:
        sentence = f"{actor} {deed} {place} {extras[0]}"
    else:
        sentence = f"{_one(rng, _OPENERS)} {actor} {deed} {_one(rng, _ADVERBS)} {place}"
    if len(sentence.split()) < 18:
        sentence += f" {extras[1]}"
    return sentence + "."
