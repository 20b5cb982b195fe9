"""Facts that the user tells, and questions about them later in the conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starling_nano.conversation import Memory, Turn
from starling_nano.draw import NAMES_KEPT_BACK, Draw
from starling_nano.skills.small_talk import with_article
from starling_nano.world import (
    ANIMALS,
    COLOURS,
    DRINKS,
    FOODS,
    HOBBIES,
    INSTRUMENTS,
    JOBS,
    MONTHS,
    SEASONS,
    SPORTS,
    THINGS,
)


@dataclass(frozen=True)
class FactKind:
    """One thing a person may tell: how it is told, answered, asked for and recalled."""

    key: str
    value: Callable[[Draw], str]
    told: tuple[str, ...]
    noted: str
    asked: tuple[str, ...]
    recalled: str
    missing: str


def _favourite(key: str, *others: str, values: Callable[[Draw], str]) -> FactKind:
    """A favourite thing; `others` are further words for it."""
    words = "[" + "|".join((key, *others)) + "]"
    return FactKind(
        f"favourite {key}",
        values,
        (
            f"[my|and my|by the way, my|also my] [favourite|favorite] {words} is {{value}}.",
            f"{{value}} is my [favourite|favorite] {words}.",
            f"[the {words} I like best|the {words} I like most|the {words} I prefer] is {{value}}.",
        ),
        f"I will remember that your favourite {key} is {{value}}.",
        (
            f"[what is|what's|do you remember|tell me|can you tell me|do you know|say|~please"
            f" recall]"
            f" my [favourite|favorite] {words}?",
            f"[what|which] {words} [do I like best|do I like most|is my favourite|did I say I like"
            f" best|do I prefer]?",
        ),
        f"Your favourite {key} is {{value}}.",
        f"You have not told me your favourite {key} yet.",
    )


def _relative(key: str, *others: str) -> FactKind:
    """A person or a pet of the user's, and its name."""
    words = "[" + "|".join((key, *others)) + "]"
    return FactKind(
        key,
        Draw.name,
        (
            f"[my|and my|also, my|by the way, my] {words} is [called|named] {{value}}.",
            f"[my {words}'s name|the name of my {words}] is {{value}}.",
            f"I have a {words} [called|named|whose name is|~with the name] {{value}}.",
        ),
        f"I will remember that your {key} is called {{value}}.",
        (
            f"[what is|what's|do you remember|tell me|do you know|can you tell me|say|~please"
            f" recall]"
            f" [the name of my {words}|my {words}'s name]?",
            f"[what is my {words}|how is my {words}|what did I say my {words} was] [called|named]?",
            f"what [did I call|do I call|~did I name] my {words}?",
        ),
        f"Your {key} is called {{value}}.",
        f"You have not told me the name of your {key} yet.",
    )


def _age(draw: Draw) -> str:
    return str(draw.numbers("age", (6, 95))[0])


def _code_number(draw: Draw) -> str:
    return str(draw.numbers("code", (100, 9999))[0])


def _secret_word(draw: Draw) -> str:
    return (
        draw.pick(THINGS)
        if draw.chance(0.5)
        else draw.value("word", draw.made_up_word, NAMES_KEPT_BACK)
    )


def _a_kind_of(draw: Draw, nouns: Sequence[str]) -> str:
    """A noun with the article that people give it, or without one."""
    noun = draw.pick(nouns)
    return draw.pick((f"the {noun}", f"the {noun}", with_article(noun), noun))


KINDS = (
    FactKind(
        "name",
        Draw.name,
        (
            "[my name is|my name's|I am called|you can call me|please call me|call me|people call"
            " me"
            "|the name is|everybody calls me] {value}[|, by the way].",
            "[hello|hi|hey|good morning][,|!] [my name is|I am|I'm|this is|~you may call me]"
            " {value}.",
            "[I am|I'm] {value}[|, nice to meet you|, by the way].",
        ),
        "Nice to meet you, {value}!",
        (
            "[what is|what's|do you remember|do you know|tell me|can you tell me|do you still know|"
            "do you recall|say|~please recall] my name[| now| again]?",
            "[who am I|what am I called|how am I called|what did I say my name was|what was my"
            " name|"
            "what is my name again|do you know who I am|by what name do I go]?",
        ),
        "Your name is {value}.",
        "You have not told me your name yet.",
    ),
    FactKind(
        "age",
        _age,
        (
            "[I am|I'm|by the way, I am|and I am] {value} years old.",
            "[I am|I'm] {value} years [of age|old now].",
            "my age is {value}.",
            "[I turned|I just turned|I have just turned|I became] {value}[| today| this year].",
        ),
        "I will remember that you are {value} years old.",
        (
            "[how old am I|what is my age|what's my age|do you remember my age|tell me my age|do"
            " you"
            " know how old I am|how old did I say I am|do you remember how old I am|~please recall"
            " my age][| now| again]?",
        ),
        "You are {value} years old.",
        "You have not told me your age yet.",
    ),
    FactKind(
        "city",
        Draw.place,
        (
            "[I live|I am living|we live|I have a house|my home is|I have a flat|I reside] in"
            " {value}[| now| at the moment].",
            "[I am|I'm|I come] from {value}.",
            "[my city|my home town|the city I live in|my town] is {value}.",
        ),
        "I will remember that you live in {value}.",
        (
            "[where do I live|where am I from|where do I come from|what city do I live in|which"
            " city"
            " do I live in|where is my home|do you remember where I live|in which city do I live|do"
            " you know where I live|what is my city|tell me where I live|where do I reside][|"
            " now]?",
        ),
        "You live in {value}.",
        "You have not told me where you live yet.",
    ),
    FactKind(
        "job",
        lambda draw: draw.pick(JOBS),
        (
            "[I work as|I am working as|my job is|I have a job as|I earn my money as] {a_value}.",
            "[I am|I'm] {a_value}[| by trade| by profession].",
        ),
        "I will remember that you are {a_value}.",
        (
            "[what is my job|what's my job|what do I do for a living|what do I work as|what is my"
            " profession|do you remember my job|what kind of work do I do|tell me my job|do you"
            " know my job|how do I earn my money]?",
        ),
        "You are {a_value}.",
        "You have not told me your job yet.",
    ),
    FactKind(
        "hobby",
        lambda draw: draw.pick(HOBBIES),
        (
            "my hobby is {value}.",
            "[in my free time|at weekends|on Sundays|in my spare time] I [like|enjoy|love]"
            " {value}.",
        ),
        "I will remember that your hobby is {value}.",
        (
            "[what is my hobby|what's my hobby|what do I do in my free time|do you remember my"
            " hobby"
            "|tell me my hobby|do you know my hobby|what do I like to do|how do I spend my free"
            " time]?",
        ),
        "Your hobby is {value}.",
        "You have not told me your hobby yet.",
    ),
    FactKind(
        "birthday month",
        lambda draw: draw.pick(MONTHS),
        (
            "[my birthday is|I was born|I have my birthday|my birthday comes|I celebrate my"
            " birthday] in {value}.",
        ),
        "I will remember that your birthday is in {value}.",
        (
            "[when is my birthday|in which month is my birthday|what month was I born in|which"
            " month"
            " was I born in|when was I born|do you remember my birthday|do you know when my"
            " birthday"
            " is|when do I celebrate my birthday]?",
        ),
        "Your birthday is in {value}.",
        "You have not told me when your birthday is yet.",
    ),
    FactKind(
        "secret word",
        _secret_word,
        (
            "[the secret word|the password|the code word|the magic word|our secret word|~the hidden"
            " word] is {value}.",
            "[remember|please remember|keep in mind|don't forget|note] [the word|the secret word|"
            "this word:|the code word] {value}.",
        ),
        "I will remember the word {value}.",
        (
            "[what is|what's|what was|do you remember|tell me|can you tell me|do you know|say"
            "|~please"
            " recall] [the secret word|the password|the code word|the magic word|the word]?",
            "[which word|what word] [did I tell you|should you remember|did you have to remember"
            "|did"
            " I ask you to remember|~was it]?",
        ),
        "The word is {value}.",
        "You have not told me a word yet.",
    ),
    FactKind(
        "number",
        _code_number,
        (
            "[remember|please remember|keep in mind|don't forget|note] [the number|this number:|my"
            " number] {value}.",
            "[my number|the number|my lucky number|the code|my room number|my own number] is"
            " {value}.",
        ),
        "I will remember the number {value}.",
        (
            "[what is|what's|what was|do you remember|tell me|can you tell me|do you know|say"
            "|~please"
            " recall] [my number|the number|the code|my lucky number|my room number]?",
            "[which number|what number] [did I tell you|should you remember|did you have to"
            " remember"
            "|did I ask you to remember|~was it]?",
        ),
        "The number is {value}.",
        "You have not told me a number yet.",
    ),
    _favourite("colour", "color", values=lambda draw: draw.pick(COLOURS)),
    _favourite("food", "dish", values=lambda draw: draw.pick(FOODS)),
    _favourite("animal", values=lambda draw: _a_kind_of(draw, ANIMALS)),
    _favourite("drink", values=lambda draw: draw.pick(DRINKS)),
    _favourite("sport", values=lambda draw: draw.pick(SPORTS)),
    _favourite("season", "time of year", values=lambda draw: draw.pick(SEASONS)),
    _favourite("instrument", values=lambda draw: _a_kind_of(draw, INSTRUMENTS)),
    _relative("dog"),
    _relative("cat"),
    _relative("sister"),
    _relative("brother"),
    _relative("friend", "best friend"),
    _relative("son"),
    _relative("daughter"),
)
BY_KEY = {kind.key: kind for kind in KINDS}

TELL_TWO = ("name", "city", "age", "job")


def tell(draw: Draw, memory: Memory) -> Turn:
    """The user tells a fact; telling it again replaces the old one."""
    kind = (
        draw.pick(KINDS[:1])
        if "name" not in memory.facts and draw.chance(0.3)
        else draw.pick(KINDS)
    )
    if kind.key in TELL_TWO and draw.chance(0.12):
        return _tell_two(draw, memory)
    value = kind.value(draw)
    user = draw.phrase(*kind.told, **_forms(value))
    _remember(memory, kind, value)
    return Turn(user, _fill(kind.noted, value))


def _tell_two(draw: Draw, memory: Memory) -> Turn:
    """A name and one more fact in one message."""
    name = Draw.name(draw)
    kind = BY_KEY[draw.pick(TELL_TWO[1:])]
    value = kind.value(draw)
    told = {
        "city": "I live in {value}",
        "age": "I am {value} years old",
        "job": "I am {a_value}",
    }[kind.key]
    user = draw.phrase(
        "[my name is|I am|I'm|hello, I am|hi, my name is|hello, my name is|they call me] {name}"
        f"[ and|, and|,] {told}.",
        name=name,
        **_forms(value),
    )
    _remember(memory, BY_KEY["name"], name)
    _remember(memory, kind, value)
    return Turn(user, f"{_fill(BY_KEY['name'].noted, name)} {_fill(kind.noted, value)}")


def recall(draw: Draw, memory: Memory) -> Turn:
    """A question about a fact that was told earlier, or that was never told."""
    if memory.facts and draw.chance(0.08):
        return _everything(draw, memory)
    told = list(memory.facts)
    kind = BY_KEY[draw.pick(told)] if told and draw.chance(0.8) else draw.pick(KINDS)
    user = draw.phrase(*kind.asked)
    if kind.key not in memory.facts:
        return Turn(user, kind.missing)
    return Turn(user, _fill(kind.recalled, memory.facts[kind.key]))


def _everything(draw: Draw, memory: Memory) -> Turn:
    """What is known of the user, in the order it was told, two facts at most."""
    user = draw.phrase(
        "[what do you know|what do you remember|tell me what you know|what have I told you|tell me"
        " everything you know|what did I tell you|what can you recall] about me?",
    )
    facts = list(memory.facts.items())[:2]
    return Turn(user, " ".join(_fill(BY_KEY[key].recalled, value) for key, value in facts))


def _remember(memory: Memory, kind: FactKind, value: str) -> None:
    """Keep the fact as the newest one."""
    memory.facts.pop(kind.key, None)
    memory.facts[kind.key] = value


def _fill(pattern: str, value: str) -> str:
    for slot, text in _forms(value).items():
        pattern = pattern.replace("{" + slot + "}", text)
    return pattern


def _forms(value: str) -> dict[str, str]:
    return {"value": value, "a_value": with_article(value)}
