"""Captions of the demo release: about 20 words on what a stimulus frame shows, with distractors."""

import numpy as np

# sub-scene -> (actors, places, quiet clauses, {event: clauses}); "|" separates alternatives.
_PHRASES: dict[tuple[str, str], tuple[str, str, str, dict[str, str]]] = {
    ("sport", "soccerball"): ("a striker|a soccer player|the forward|a footballer", "on a green soccer pitch|in a crowded stadium|near the penalty box", "dribbles the ball|looks for a pass|jogs toward the net", {"goal": "scores a brilliant goal and raises both arms|kicks the ball past the keeper into the net", "foul": "sees a red card after a nasty tackle|argues with the referee while a rival lies on the grass"}),
    ("sport", "basketball"): ("a basketball player|the point guard|a tall athlete", "on a wooden court|under the hoop|in a loud arena", "bounces the ball|waits for the screen|walks up the floor", {"dunk": "leaps and slams a huge dunk|throws the ball down through the rim", "miss": "misses the last shot as the buzzer sounds|drops his head after an air ball"}),
    ("sport", "boxing"): ("a boxer|the champion in red shorts|a prize fighter", "in a boxing ring|between the ropes|under hard lights", "circles with raised gloves|keeps a tight guard|throws a light jab", {"knockout": "lands a punch and the opponent falls flat|delivers a sudden knockout", "blood": "opens a deep cut and blood covers the face|keeps hitting while blood drips on the canvas"}),
    ("show", "talk_show"): ("a talk show host|the presenter|a famous guest", "at a desk in a studio|on a late night stage|before a city skyline", "chats calmly|sips from a mug|reads a card", {"joke": "tells a joke and the audience laughs|cracks up over a silly story", "tears": "wipes away tears while recalling a loss|starts crying during a confession"}),
    ("show", "magic_show"): ("a magician|the illusionist|a man with a top hat", "between red curtains|on a dark stage|in a small theater", "waves a wand over a box|shows an empty hat|shuffles his cards", {"reveal": "makes a white dove appear out of the hat|reveals an impossible trick in a shower of sparks", "fail": "drops all the cards on the floor|fumbles the trick and the hat goes up in smoke"}),
    ("show", "concert_show"): ("a singer|the pop star|a band", "on a concert stage|between tall speakers|in front of a dancing crowd", "performs a verse|holds the microphone|tunes up for a song", {"chorus": "belts the chorus as fireworks go off|dances under flashing lights of every colour", "ballad": "sings a slow lonely ballad in blue light|whispers the last lines of a mournful song"}),
    ("animation", "family_friendly"): ("a cartoon bear|two little animals|a fluffy fox cub", "in a sunny meadow|beside a small house|on a painted hill", "plays around|walks along the path|looks at the clouds", {"hug": "hugs a friend while hearts float up|cuddles happily with a tiny buddy", "lost": "sits lost and weeping in the rain|cries alone after the family has left"}),
    ("animation", "fantasy"): ("a young wizard|an animated princess|a small witch", "near a purple castle|below a glowing moon|in a magic kingdom", "wanders through the valley|studies the stars|waits quietly", {"magic": "casts a spell and sparkling stars whirl around|transforms inside a ring of light", "dragon": "faces a huge dragon breathing fire|runs as flames pour out of the beast"}),
    ("animation", "action"): ("a caped hero|the cartoon hero|an animated agent", "above the city|between tall towers|on a wide street", "runs along the road|watches the skyline|gets ready", {"explosion": "is thrown back by a giant explosion|dodges a blast that tears up the street", "villain": "is mocked by a cruel green villain|confronts an evil monster who grins and threatens"}),
    ("film", "horror"): ("a woman|a lone girl|somebody", "in a dark corridor|inside an abandoned hospital|in a gloomy hallway", "walks slowly|listens at the door|holds a weak lamp", {"scare": "is attacked by a pale screaming face|meets a ghostly figure that jumps at the camera", "gore": "lies in a pool of blood beside a severed arm|finds gory stains all over the walls"}),
    ("film", "romance"): ("a young couple|two lovers|a man and a woman", "at sunset by the sea|on a quiet beach|under a warm sky", "talk in low voices|stand side by side|look at each other", {"kiss": "kiss tenderly while hearts rise|finally embrace and smile", "parting": "say goodbye in the pouring rain|break up and weep"}),
    ("film", "western"): ("a cowboy|the sheriff|a gunslinger", "in a dusty town|outside the saloon|under the desert sun", "stares down the street|adjusts his hat|waits near a cactus", {"shot": "fires his pistol with a loud bang|is shot in a sudden duel", "fire": "watches bandits burn down the ranch|returns to find the saloon in flames"}),
    ("game", "action"): ("a shooter game player|the soldier on the screen|a game character", "in a ruined city|behind a crosshair|on a war map", "aims the rifle|reloads the gun|hunts an enemy", {"victory": "wins the match and a victory banner appears|beats the last enemy as gold letters pop up", "defeat": "dies again and the screen turns red|loses everything in a game over"}),
    ("game", "simulation"): ("a race car|a driver simulator|the truck", "seen from the cockpit|on a country road|behind the wheel", "cruises along the lane|follows another car|speeds up", {"crash": "crashes into the wreck ahead with burning sparks|smashes the windscreen in an accident", "jam": "is stuck in a traffic jam of honking cars|waits forever behind blocked vehicles"}),
    ("game", "puzzle"): ("a puzzle board|a grid of blocks|a brain teaser", "on a plain screen|in a logic game|of bright colours", "waits for the next move|slides a tile|has a few gaps", {"solved": "is solved and confetti rains down|clicks together with a green check mark", "collapse": "collapses and all blocks tumble down|breaks apart next to a red cross"}),
    ("object", "food"): ("a plate of food|a home made dish|the chef's meal", "on a wooden table|between fork and knife|in a kitchen", "is being served|rests on white china|gets a final touch", {"tasty": "steams and looks delicious with fresh herbs|tastes wonderful and smells of butter", "rotten": "is rotten and crawling with worms and flies|turns out moldy slimy and full of maggots"}),
    ("object", "instrument"): ("a musician|the pianist|a guitar player", "in a rehearsal room|on a dim stage|close to the camera", "plays a few notes|practices scales|warms up the fingers", {"solo": "plays a dazzling solo and gets applause|finishes a virtuoso piece to cheers", "wrong_note": "hits a horrible wrong note that squeals|makes an awful screeching noise"}),
    ("object", "living_organism"): ("a small animal|some wildlife|a creature", "in the grass|near a fallen branch|in the garden", "sits still|sniffs the air|hides behind the leaves", {"kitten": "turns out to be two adorable kittens cuddling|purrs as a cute kitten plays along", "spider": "is a giant hairy spider crawling closer|shows eight black legs and red eyes"}),
    ("self_made", "funny"): ("a teenager|a guy|the prankster", "in a living room|in a home video|on a kitchen floor", "walks past a sofa|carries some bags|looks into the phone", {"slip": "slips on a banana peel and falls over|tumbles in the silliest way", "mean": "gets a bucket of mud dumped on the head|is humiliated by a cruel prank"}),
    ("self_made", "fear"): ("a vlogger|a person with a flashlight|the camera", "in a graveyard at night|among bare trees|under a full moon", "explores slowly|shows an old tombstone|moves along the path", {"ghost": "captures a white ghost rising from a grave|screams as a phantom floats closer", "hoax": "laughs because the ghost is a friend in a sheet|finds that the haunting was a prank"}),
    ("self_made", "sadness"): ("a couple|a daughter|two old friends", "at a train station|on an empty platform|under a station clock", "wait with a suitcase|stand together|check the time", {"farewell": "sob as the train leaves in the rain|say a heartbreaking farewell", "reunion": "run into a long awaited hug|meet again after years apart"}),
    ("interview_public_speech", "interview"): ("a reporter|an actress|the interviewer", "on two armchairs|in a bright office|next to a painting", "asks a question|nods politely|listens to the answer", {"hilarious": "bursts out laughing at a hilarious answer|gives a ridiculous funny reply", "rude": "shouts insults and swears at the host|gives a rude hostile answer"}),
    ("interview_public_speech", "speech"): ("a speaker|the director|a politician", "at a wooden podium|on a conference stage|before a seated audience", "presents a chart|begins a lecture|thanks the guests", {"announcement": "announces an amazing new product amid confetti|reveals unexpected record results", "tribute": "mourns a late colleague beside candles|gives a tearful tribute to the dead"}),
    ("interview_public_speech", "debate"): ("a candidate|one of two rivals|the senator", "in a televised debate|between blue and red walls|at twin lecterns", "answers the moderator|waits for the turn|quotes a number", {"attack": "points a finger and yells liar|attacks the rival with angry accusations", "blunder": "forgets the answer and stares in confusion|makes an embarrassing blunder"}),
}  # fmt: skip

_OPENERS = "the video shows how|in this clip|we can see that|on the screen|at this moment|here|suddenly|a shaky recording shows how|the scene begins as|this frame shows how"
_EXTRAS = "while music plays in the background|with a logo in one corner|and the camera zooms slowly|as subtitles run along the bottom|filmed from the left side|with soft light on the floor|and several people stand behind|during a short break|next to a large window|with a channel name above|as the picture gets slightly blurry|recorded on a phone last summer|and a timer counts in the corner|while someone talks off screen|in high resolution|with a thin frame around the image|and a dog barks far away|on an ordinary afternoon|as clouds drift by|with bright colours everywhere|in the middle of the video|shortly before an advertisement"
_ADVERBS = "slowly|quietly|now|again|once more|quickly|for a while|carefully|clearly|briefly"
_WRONG = 0.1  # share of captions that miss the event, as a captioning model would


def _one(rng: np.random.Generator, choices: str) -> str:
    return str(rng.choice(choices.split("|")))


def write_caption(
    rng: np.random.Generator, scene: str, sub_scene: str, event: str, visible: bool
) -> str:
    """A lower-case sentence of 16 to 26 words; names the event if it is visible, mostly."""
    actors, places, quiet, events = _PHRASES[scene, sub_scene]
    shown = visible and rng.uniform() >= _WRONG
    actor, place = _one(rng, actors), _one(rng, places)
    deed = _one(rng, events[event] if shown else quiet)
    extras = [str(e) for e in rng.choice(_EXTRAS.split("|"), 2, replace=False)]
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
