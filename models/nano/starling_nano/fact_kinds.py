"""Kinds of little facts, each with the wordings in which it is asked for.

Facts of one kind share their wordings, so that the model can learn the kind. The texts passed in
may be patterns themselves; see `phrases`.
"""

from __future__ import annotations

from starling_nano.conversation import Answer


def fact(reply: str, *questions: str) -> Answer:
    """A fact of its own kind."""
    return Answer(reply, questions)


def how_many_in(part: str, whole: str, reply: str) -> Answer:
    """How many of these make up that?"""
    return Answer(
        reply,
        (
            f"how many {part} [are there in|are in|make|make up|~can you count in] {whole}?",
            f"how many {part} [does|~would] {whole} [have|count|contain]?",
            f"<tell> how many {part} [{whole} has|there are in {whole}|are in {whole}]",
            f"[what is|what's|give me|~say] the number of {part} in {whole}",
        ),
    )


def how_many_has(part: str, one: str, many: str, reply: str, at: str = "on") -> Answer:
    """How many legs does an animal have, and the like?"""
    return Answer(
        reply,
        (
            f"how many {part} [does {one}|do {many}|~would {one}]"
            " [have|usually have|normally have]?",
            f"how many {part} [are there {at}|are {at}|has|~would you find {at}] {one}?",
            f"<tell> how many {part} [{one} has|{many} have|there are {at} {one}]",
            f"[what is|what's|give me|~say] the number of {part} {at} {one}",
        ),
    )


def which_is_most(adjective: str, kind: str, where: str, reply: str) -> Answer:
    """Which one is the largest, the fastest, the closest?"""
    return Answer(
        reply,
        (
            f"[what is|what's|which is|~could you say what is] the {adjective} {kind}{where}?",
            f"[which|what] {kind} is the {adjective}{where}?",
            f"<tell> what the {adjective} {kind}{where} is",
            f"<tell> which {kind} is the {adjective}{where}",
            f"[name|say|give me|state] the {adjective} {kind}{where}",
        ),
    )


def colour_of(verb: str, thing: str, reply: str) -> Answer:
    """Which colour does something have?"""
    colour = "[colour|color]"
    return Answer(
        reply,
        (
            f"[what|which|~of what] {colour} {verb} {thing}?",
            f"[what is|what's|which is] the {colour} of {thing}?",
            f"<tell> [what|which] {colour} {thing} {verb}",
            f"[name|say|give me|state] the {colour} of {thing}",
            f"{colour} of {thing}?",
        ),
    )


def mixing(one: str, other: str, reply: str) -> Answer:
    """Which colour do two paints make?"""
    both = f"[{one} and {other}|{other} and {one}]"
    colour = "[what|what colour|which colour|what color]"
    return Answer(
        reply,
        (
            f"{colour} do you get [when|if] you [mix|blend|stir together] {both}?",
            f"{colour} do {both} [make|give|~turn into][| together| when mixed]?",
            f"<tell> {colour} [{both} make|you get from {both}]",
        ),
    )


def who_did(did: str, work: str, reply: str) -> Answer:
    """Who wrote, painted, did something?"""
    return Answer(
        reply,
        (
            f"who {did} {work}?",
            f"[which person|what person|which man|who was it that|~which famous man] {did} {work}?",
            f"<tell> who {did} {work}",
            f"[say|give me the name of the one|name the person|name the man] who {did} {work}",
        ),
    )


def where_is(verb: str, thing: str, reply: str) -> Answer:
    """Where is a place or a building?"""
    return Answer(
        reply,
        (
            f"where [{verb}|exactly {verb}|in the world {verb}|~on Earth {verb}] {thing}?",
            f"<tell> where {thing} {verb}",
            f"[what|which] [city|town|place|country] {verb} {thing} in?",
            f"in [what|which] [city|town|place|country] {verb} {thing}?",
            f"where [can|do|could|would] [I|you|we|people] [find|see|visit|come across] {thing}?",
        ),
    )


def money_of(country: str, reply: str) -> Answer:
    """What do people pay with?"""
    currency = "[currency|money]"
    return Answer(
        reply,
        (
            f"[what is|what's|which is] the {currency} [of|in] {country}?",
            f"[what|which] {currency} [do people use|is used|do they use|is spent] in {country}?",
            f"[what do [people|you|they] pay with|how do [people|you|they] pay] in {country}?",
            f"<tell> [what|which] [{currency} is used|{currency} people use] in {country}",
        ),
    )


def symbol_of(element: str, reply: str) -> Answer:
    """What is the chemical symbol?"""
    symbol = "[symbol|chemical symbol]"
    return Answer(
        reply,
        (
            f"[what is|what's|which is] the {symbol} [of|for] {element}?",
            f"[what|which] {symbol} [does {element} have|stands for {element}]?",
            f"<tell> what the {symbol} [of|for] {element} is",
            f"how [do|would] [you|I|chemists] [write|abbreviate|~note down] {element}"
            " [in chemistry|as a chemical symbol]?",
        ),
    )


def language_of(country: str, reply: str) -> Answer:
    """Which language do most people speak?"""
    return Answer(
        reply,
        (
            f"[what|which] language [do people|do they|do most people] speak in {country}?",
            f"[what|which] language is [spoken|mainly spoken|heard most] in {country}?",
            f"[what|which] is the [main|most common|chief] language [of|in] {country}?",
            f"<tell> [what|which] language [people speak|is spoken|they speak] in {country}",
        ),
    )


def what_they_do(who: str, reply: str, *, verb: str = "make") -> Answer:
    """What do animals make or eat?"""
    return Answer(
        reply,
        (
            f"what do {who} [{verb}|usually {verb}|mostly {verb}|like to {verb}]?",
            f"<tell> what {who} [{verb}|usually {verb}|mostly {verb}]",
            f"[what kind of thing|what sort of thing|which things|what stuff] do {who} {verb}?",
            f"what [is it that|do people say] {who} [{verb}|usually {verb}]?",
        ),
    )


def made_of(thing: str, reply: str) -> Answer:
    """What is something made from?"""
    of = "[of|from|out of]"
    return Answer(
        reply,
        (
            f"what is {thing} [made|usually made|mostly made|produced] {of}?",
            f"<tell> what {thing} is made {of}",
            f"[what|which material|what stuff] do [people|you|we] make {thing} {of}?",
            f"{thing} is made {of} what?",
        ),
    )


def date_of(feast: str, reply: str) -> Answer:
    """On which day is a feast?"""
    return Answer(
        reply,
        (
            f"when [is|do people celebrate|do we celebrate|does one celebrate] {feast}?",
            f"[what|which|on what|on which] [day|date] is {feast}?",
            f"[what is|what's] the date of {feast}?",
            f"<tell> [when|on which day|on what date|what day] {feast} is",
        ),
    )


def turns_into(young: str, reply: str) -> Answer:
    """What does a young animal turn into?"""
    grow = "[turn into|become|grow into|~change into]"
    return Answer(
        reply,
        (
            f"what does {young} {grow}[| one day| when it grows up| later]?",
            f"what [will|can|might|would] {young} {grow}[| one day| when it grows up| later]?",
            f"<tell> what {young} [turns into|becomes|grows into]",
        ),
    )
