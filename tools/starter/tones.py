"""The eight tones: what users call them, the words that carry them, and texts in them.

In the texts {the} is "the Kestrel tent" or "a waterproof tent", {P} the same without an article,
{your} "your Kestrel tent"; {kind} is "tent", {use} "weekend hikes". Every text of a tone has a
word of that tone's lexicon, and none of another's: check() says so, and the score rests on it.
"""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Tone:
    names: list  # what users call it; the first is its own name
    lexicon: list
    subjects: list
    openers: list  # of an advertisement
    closers: list


TONES = {
    "friendly": Tone(
        ["friendly", "warm", "kind", "welcoming"],
        ["hello", "friend", "happy", "smile", "welcome", "good company", "lovely", "neighbour"],
        ["Say hello to {the}", "A friend for {use}: {the}", "Hello from {the}, made for {use}",
         "{The}: good company for {use}", "Happy {use} start with {the}",
         "A warm welcome to {the}", "Meet a new friend: {the}", "Smile, {your} {is} here",
         "{The} would be happy to join you on {use}"],
        ["Say hello to {the}, good company for {use}.", "Meet a friend for {use}: {the}.",
         "{The} {is} here to make your {use} happy.", "Welcome to {the}, a friend on {use}.",
         "Hello there! {The} would love to come along on {use}."],
        ["Come by and say hello.", "We are happy to help you choose.",
         "Our shop door is open, and you are welcome.", "Take {them} home with a smile.",
         "You will be good company for each other."]),
    "playful": Tone(
        ["playful", "funny", "cheeky", "fun"],
        ["psst", "oops", "wink", "giggle", "boo", "wiggle", "mischief", "hide and seek",
         "ta-da", "tickle"],
        ["Psst, {the} {is} looking for you", "Oops, {the} just ran off to {use}",
         "Ta-da! Here {is} {the}", "{The} {does} a silly wiggle",
         "Boredom, boo! Here come{s} {the}", "Up to mischief with {the}",
         "{The}: a wink and off to {use}", "Who hid {the}? Hide and seek is on",
         "Your {use} called, with a giggle: bring {the}"],
        ["Psst, {the} wants to play.", "Ta-da! Here {is} {the}, ready for mischief on {use}.",
         "Oops, {the} got out of the shop and ran to {use}.",
         "{The} and {use}: that calls for a wiggle.",
         "Boo! Did {the} scare your boredom away?"],
        ["Grab {them} before the squirrels giggle.", "Wink at us at the till.",
         "Hide and seek ends at our shop door.", "Wiggles included.",
         "Take {them} out and get up to mischief."]),
    "urgent": Tone(
        ["urgent", "pressing", "hurried", "last-minute"],
        ["hurry", "last chance", "today only", "ends tonight", "almost gone", "do not wait",
         "final hours", "right now"],
        ["Last chance: {the}", "Hurry, {the} {is} almost gone", "Today only: {the} for {use}",
         "Ends tonight: our offer on {the}", "Do not wait: get {the} before {use}",
         "Final hours to get {the}", "Almost gone: {the}", "Right now or never: {the}",
         "Hurry! {The} and your {use} will not keep"],
        ["Hurry, {the} {is} almost gone.", "Last chance to get {the} for your {use}.",
         "Today only: {the} at our shop.", "These are the final hours for {the}.",
         "Do not wait, {use} begin soon and {the} {is} here right now."],
        ["Our offer ends tonight.", "Hurry, there are few left.", "Do not wait, order right now.",
         "This is your last chance.", "The final hours have begun."]),
    "elegant": Tone(
        ["elegant", "luxurious", "premium", "refined"],
        ["refined", "graceful", "timeless", "exquisite", "quiet luxury", "elegance", "finesse",
         "understated"],
        ["Timeless: {the}", "Quiet luxury for {use}: {the}", "{The}, refined for {use}",
         "The elegance of {the}", "Exquisite in every detail: {the}",
         "Understated and graceful: {the}", "{The}: finesse for {use}",
         "A refined choice: {the}", "Graceful {use} with {the}"],
        ["{The} bring{s} quiet luxury to {use}.", "Refined in every line: {the}.",
         "There is a timeless way to enjoy {use}: {the}.",
         "{The} turn{s} {use} into a matter of elegance.", "Understated, graceful: {the}."],
        ["Discover a refined way outdoors.", "Elegance needs no more words.",
         "A timeless choice.", "Made with finesse, for those who notice.",
         "Treat yourself to quiet luxury."]),
    "confident": Tone(
        ["confident", "bold", "strong", "self-assured"],
        ["proven", "no excuses", "count on", "unbeatable", "tough", "never lets you down",
         "never let you down", "the one", "stronger"],
        ["{The}: no excuses", "Count on {the}", "Proven on {use}: {the}",
         "Unbeatable on {use}: {the}", "Tough {use}? {The}", "{The}, stronger than your plans",
         "You found the one: {the}", "{The} never let{s} you down",
         "Count on {the} for {use}"],
        ["{The}: proven, and ready for {use}.", "On {use} you can count on {the}.",
         "{The} {is} tough, so that {use} go your way.", "No excuses: take {the} out on {use}.",
         "{The} {is} unbeatable on {use}."],
        ["Count on {them}.", "No excuses.", "Proven, again and again.",
         "Tough plans? Bring them along.", "You need nothing stronger."]),
    "calm": Tone(
        ["calm", "relaxed", "gentle", "soothing"],
        ["breathe", "slow", "quiet hours", "peace", "unhurried", "gentle", "stillness", "at ease"],
        ["Slow down with {the}", "Breathe in, breathe out: {the}", "Peace on {use} with {the}",
         "{The} for unhurried {use}", "Quiet hours with {the}", "A gentle start: {the}",
         "Stillness, {use} and {the}", "At ease with {the}", "Gentle {use}, and {the}"],
        ["Breathe in. {The} {is} made for unhurried {use}.",
         "Slow {use} are the best ones, and {the} know{s} it.",
         "There is peace in {use} with {the}.", "With {the} you are at ease on {use}.",
         "Some quiet hours, your {use}, and {the}."],
        ["Take it slow.", "Breathe out, you have what you need.", "Peace comes with the package.",
         "Stay a while, at ease.", "Gentle days are ahead."]),
    "adventurous": Tone(
        ["adventurous", "exciting", "daring", "wild"],
        ["adventure", "wild", "explore", "beyond", "unknown", "horizon", "the map ends"],
        ["Adventure calls: {the}", "Into the wild with {the}", "Explore more with {the}",
         "Beyond the horizon with {the}", "Where the map ends, {the} begin{s}",
         "{The} for wild {use}", "Take {the} into the unknown", "Your next adventure: {the}",
         "Beyond {use}: {the}"],
        ["Adventure calls, and {the} answer{s}.", "Take {the} beyond the horizon.",
         "{The} {is} made for wild {use}.", "Where the map ends, {the} and your {use} begin.",
         "The unknown is out there, and so {is} {the}."],
        ["Go and explore.", "Your adventure begins at the door.", "See you beyond the horizon.",
         "The wild will not wait inside.", "Pack and find the unknown."]),
    "plain": Tone(
        ["plain", "neutral", "factual", "professional"],
        ["introducing", "at a glance", "key facts", "product update", "in brief", "the details",
         "for your information", "in our catalogue"],
        ["Introducing {the}", "{The} at a glance", "Key facts: {the}", "Product update: {the}",
         "In brief: {the} for {use}", "{The}: the details", "In our catalogue: {the}",
         "For your information: {the}", "{The} for {use} at a glance"],
        ["Introducing {the} for {use}.", "{The} at a glance: made for {use}.",
         "In our catalogue: {the}, made for {use}.", "Product update: {the}, for {use}.",
         "In brief: {the} {is} for {use}."],
        ["Ask us for the details.", "You find the details in the shop.",
         "These are the key facts.", "More in our catalogue.", "So much in brief."]),
}

DEFAULT = "friendly"  # where a request names no tone

# Ways to ask for a tone after the rest of the request, and before a noun. The last two of WAYS
# are never in the corpus: they are among the new wordings of the evaluation.
WAYS = ["in {a_t} tone", "in {a_t} tone", "with {a_t} tone", "in {a_t} voice", "in {a_t} style",
        "in {a_t} way", "make it {t}", "keep it {t}", "it should sound {t}", "tone: {t}",
        "{t} tone", "{t} please", "please make it sound {t}", "the tone is {t}", "{t}",
        "something {t}", "and make it {t}", "I want it {t}", "use {a_t} tone", "that sounds {t}"]
NEW_WAYS = ["with {a_t} feel to it", "the mood should be {t}"]


def has(lexicon, text):
    """Whether a text has a word of the list."""
    return any(re.search(rf"\b{re.escape(w)}", text.lower()) for w in lexicon)


def check():
    """What is wrong with the lists, as texts."""
    out = []
    names = [n for t in TONES.values() for n in t.names]
    out += [f"{n} names two tones" for n in sorted({n for n in names if names.count(n) > 1})]
    for tone, t in TONES.items():
        for text in t.subjects + t.openers + t.closers:
            bare = re.sub(r"\{\w+\}", "", text)
            if not has(t.lexicon, bare):
                out.append(f"{tone}: no word of its own in: {text}")
            out += [f"{tone}: {other}'s word in: {text}" for other in TONES
                    if other != tone and has(TONES[other].lexicon, bare)]
    return out
