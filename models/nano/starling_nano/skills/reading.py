"""Reading: repeating a text, answering from one, and putting it into JSON."""

from __future__ import annotations

from starling_nano.conversation import Memory, Turn
from starling_nano.draw import Draw
from starling_nano.skills.small_talk import with_article
from starling_nano.world import ANIMALS, COLOURS, FOODS, JOBS, SPORTS, THINGS

REPEATED_KEPT_BACK = 8


def repeat(draw: Draw, memory: Memory) -> Turn:
    """A text said back word for word."""
    text = draw.value("repeated", lambda: _some_words(draw), REPEATED_KEPT_BACK)
    user = draw.phrase(
        "[repeat after me|repeat|please repeat|say after me|say exactly|echo|say this|repeat this"
        "|write exactly|~I want you to repeat]: {text}",
        text=text,
    )
    return Turn(user, text)


def _some_words(draw: Draw) -> str:
    pools = (ANIMALS, COLOURS, FOODS, JOBS, SPORTS, THINGS)
    words = [draw.pick(draw.pick(pools)) for _ in range(draw.between(0, 5))]
    for _ in range(draw.between(0 if words else 1, 3)):
        words.insert(draw.between(0, len(words)), draw.made_up_word())
    if draw.chance(0.4):
        words.insert(draw.between(0, len(words)), str(draw.between(0, 999)))
    if draw.chance(0.4):
        words.insert(draw.between(0, len(words)), draw.name())
    text = " ".join(words)
    return text[0].upper() + text[1:] + draw.pick((".", "!", "")) if draw.chance(0.4) else text


def read(draw: Draw, memory: Memory) -> Turn:
    """A few sentences about people, and a question that they answer."""
    wanted = draw.between(1, 4)
    people: list[str] = []
    while len(people) < wanted:
        name = draw.name()
        if name not in people:
            people.append(name)
    details = [draw.pick((_lives, _has, _likes))(draw, name) for name in people]
    text = " ".join(sentence for sentence, _, _ in details)
    _, question, reply = draw.pick(details)
    user = draw.plain(
        "{text} {question}",
        "[read this|text|read this text|here is a text|~look at this text]: {text} {question}",
        "{text}\n{question}",
        "{text}\n\n{question}",
        text=text,
        question=question,
    )
    return Turn(user, reply)


Detail = tuple[str, str, str]


def _lives(draw: Draw, name: str) -> Detail:
    place = draw.place()
    question = draw.plain(
        "[where does {name} live|in which city does {name} live|what city does {name} live in|"
        "where is the home of {name}]?",
        name=name,
    )
    return f"{name} lives in {place}.", _capitalised(question), f"{name} lives in {place}."


def _has(draw: Draw, name: str) -> Detail:
    colour, thing = draw.pick(COLOURS), draw.pick(THINGS)
    sentence = f"{name} has {with_article(colour)} {thing}."
    if draw.chance(0.5):
        question = draw.plain(
            "[what does {name} have|what has {name} got|what does {name} own]?", name=name
        )
        return sentence, _capitalised(question), sentence
    question = f"What colour is {name}'s {thing}?"
    return sentence, question, f"{name}'s {thing} is {colour}."


def _likes(draw: Draw, name: str) -> Detail:
    thing = draw.pick(draw.pick((FOODS, SPORTS)))
    question = draw.plain(
        "[what does {name} like|what is it that {name} likes|~what does {name} enjoy]?",
        name=name,
    )
    return f"{name} likes {thing}.", _capitalised(question), f"{name} likes {thing}."


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def as_json(draw: Draw, memory: Memory) -> Turn:
    """A sentence about a person, put into a JSON object."""
    name, place = draw.name(), draw.place()
    (age,) = draw.numbers("age", (6, 95))
    sentences = (
        f"{name} is {age} years old and lives in {place}.",
        f"{name} lives in {place} and is {age} years old.",
        f"{name}, {age}, lives in {place}.",
    )
    user = draw.plain(
        "[give me|write|make|put this into|turn this into|convert this to|extract|produce] JSON[|"
        " for this| from this| please]: {text}",
        "{text} [as JSON|give me that as JSON|write it as JSON|~in JSON form].",
        text=draw.pick(sentences),
    )
    return Turn(user, f'{{"name": "{name}", "age": {age}, "city": "{place}"}}')
