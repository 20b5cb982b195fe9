"""Capitals, opposites, words of other languages and other little facts."""

from __future__ import annotations

from starling_nano.conversation import Memory, Turn
from starling_nano.draw import Draw
from starling_nano.skills.small_talk import with_article
from starling_nano.world import (
    ANIMAL_SOUNDS,
    BABY_ANIMALS,
    CAPITALS,
    CONTINENTS,
    MADE_UP_COUNTRIES,
    OPPOSITES,
    PAST_TENSES,
    PLURALS,
)
from starling_nano.world_facts import EMOJI, LITTLE_FACTS, WORDS_ABROAD

COUNTRIES_KEPT_BACK = 6
OPPOSITE_OF = {**dict(OPPOSITES), **{second: first for first, second in OPPOSITES}}


def capitals(draw: Draw, memory: Memory) -> Turn:
    """The capital of a country, a country by its capital, a continent, or an invented country."""
    kinds = [_capital] * 4 + [_country, _continent, _no_such_country, _no_such_country]
    if memory.topic == "capitals" and memory.asked_capital:
        kinds += [_next_capital] * 4
    memory.asked_capital = False
    return draw.pick(kinds)(draw, memory)


def little_facts(draw: Draw, memory: Memory) -> Turn:
    """General knowledge of the kind children ask for."""
    kinds = [_fact] * 6 + [_opposite, _sound, _baby, _plural, _past, _abroad, _abroad, _emoji]
    return draw.pick(kinds)(draw)


def _capital(draw: Draw, memory: Memory) -> Turn:
    country = draw.pick(tuple(CAPITALS))
    memory.asked_capital = True
    user = draw.phrase(
        "[what is|what's|tell me|do you know|can you tell me|which city is|name|please tell me|I"
        " want"
        " to know|could you say] the capital[| city] of {country}?",
        "[what is|what's|tell me|do you know|which is] {country}'s capital[| city]?",
        "[which city|what city|~which town] is the capital of {country}?",
        "[capital of|the capital of] {country}[?|]",
        country=country,
    )
    return Turn(user, f"The capital of {country} is {CAPITALS[country]}.")


def _next_capital(draw: Draw, memory: Memory) -> Turn:
    """The country alone, as a follow-up."""
    memory.asked_capital = True
    if draw.chance(0.2):
        country = _made_up_country(draw)
        reply = f"I don't know a country called {country}."
    else:
        country = draw.pick(tuple(CAPITALS))
        reply = f"The capital of {country} is {CAPITALS[country]}."
    user = draw.phrase(
        "[and|and of|what about|how about|and what about|and the capital of|and that of|what is"
        " that"
        " of|~what then of] {country}?",
        country=country,
    )
    return Turn(user, reply)


def _country(draw: Draw, memory: Memory) -> Turn:
    country = draw.pick(tuple(CAPITALS))
    user = draw.phrase(
        "[which|what] country has the capital {capital}?",
        "{capital} is the capital of [which|what] [country|state]?",
        "of which country is {capital} the capital?",
        "[tell me|do you know|can you tell me|~please say] of which country {capital} is the"
        " capital?",
        capital=CAPITALS[country],
    )
    return Turn(user, f"{CAPITALS[country]} is the capital of {country}.")


def _continent(draw: Draw, memory: Memory) -> Turn:
    country = draw.pick(tuple(CONTINENTS))
    user = draw.phrase(
        "[where is|where's|where in the world is|on which continent is|on what continent is|tell me"
        " where to find|in what part of the world is] {country}?",
        "[which|what] continent is {country} [on|in]?",
        country=country,
    )
    return Turn(user, f"{country[0].upper() + country[1:]} is in {CONTINENTS[country]}.")


def _no_such_country(draw: Draw, memory: Memory) -> Turn:
    country = _made_up_country(draw)
    user = draw.phrase(
        "[what is|what's|tell me|do you know|can you tell me|which city is|name|please tell me|I"
        " want"
        " to know|could you say] the capital[| city] of {country}?",
        "[where is|where's|on which continent is] {country}?",
        country=country,
    )
    return Turn(user, f"I don't know a country called {country}.")


def _made_up_country(draw: Draw) -> str:
    def make() -> str:
        if draw.chance(0.4):
            return draw.pick(MADE_UP_COUNTRIES)
        # Any other word will do, so that a country is known by being one of the real ones.
        made_up = draw.made_up_word().capitalize()
        return make() if made_up in CAPITALS else made_up

    return draw.value("country", make, COUNTRIES_KEPT_BACK)


def _fact(draw: Draw) -> Turn:
    fact = draw.pick(LITTLE_FACTS)
    return Turn(draw.phrase(*fact.questions), fact.reply)


def _opposite(draw: Draw) -> Turn:
    word = draw.pick(tuple(OPPOSITE_OF))
    user = draw.phrase(
        "[what is|what's|tell me|do you know|can you tell me|give me|name|~say] the opposite of"
        " {word}?",
        "[what is the word that means|which word means] the opposite of {word}?",
        word=word,
    )
    return Turn(user, f"The opposite of {word} is {OPPOSITE_OF[word]}.")


def _sound(draw: Draw) -> Turn:
    animal = draw.pick(tuple(ANIMAL_SOUNDS))
    user = draw.phrase(
        "[what|which] [sound|noise] does {animal} make?",
        "what does {animal} [say|~answer]?",
        "[tell me|do you know|can you tell me] what {animal} says?",
        animal=with_article(animal),
    )
    reply = f"{with_article(animal)} says {ANIMAL_SOUNDS[animal]}."
    return Turn(user, reply[0].upper() + reply[1:])


def _baby(draw: Draw) -> Turn:
    animal = draw.pick(tuple(BABY_ANIMALS))
    user = draw.phrase(
        "[what is|what's|what do you call|tell me the name of|how do you call|do you know the name"
        " of|~name] a baby {animal}[| called]?",
        "[what is|what's] [the young of {a_animal}|a young {animal}] called?",
        animal=animal,
        a_animal=with_article(animal),
    )
    return Turn(user, f"A baby {animal} is called {with_article(BABY_ANIMALS[animal])}.")


def _plural(draw: Draw) -> Turn:
    word = draw.pick(tuple(PLURALS))
    user = draw.phrase(
        "[what is|what's|tell me|do you know|can you tell me|~say] the plural[| form] of {word}?",
        word=word,
    )
    return Turn(user, f"The plural of {word} is {PLURALS[word]}.")


def _past(draw: Draw) -> Turn:
    word = draw.pick(tuple(PAST_TENSES))
    user = draw.phrase(
        "[what is|what's|tell me|do you know|can you tell me|~say] the past[| tense| form] of"
        " [|the verb ]{word}?",
        word=word,
    )
    return Turn(user, f"The past tense of {word} is {PAST_TENSES[word]}.")


def _abroad(draw: Draw) -> Turn:
    language = draw.pick(tuple(WORDS_ABROAD))
    word = draw.pick(tuple(WORDS_ABROAD[language]))
    user = draw.phrase(
        "[how do you say|how do I say|how to say|what is|what's|tell me|say|can you say|please say|"
        "translate|~how does one say] [|the word ]{word} in {language}?",
        word=word,
        language=language,
    )
    return Turn(user, f"In {language}, {word} is {WORDS_ABROAD[language][word]}.")


def _emoji(draw: Draw) -> Turn:
    name = draw.pick(tuple(EMOJI))
    user = draw.phrase(
        "[show me|send me|give me|draw|make|can you show me|I want|please send me|present]"
        " [the emoji of {a_emoji}|{a_emoji}|{a_emoji} emoji].",
        a_emoji=with_article(name),
    )
    return Turn(user, EMOJI[name])
