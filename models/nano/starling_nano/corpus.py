"""The corpus: conversations composed of the skills' exchanges, without end and seeded.

python -m starling_nano.corpus --show 20        prints some conversations
python -m starling_nano.corpus --evaluation     prints the held-out prompts as JSON lines
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from starling_local.prompt import Condition
from starling_nano.conversation import Conversation, Memory, Turn
from starling_nano.draw import Draw
from starling_nano.phrases import is_kept_back
from starling_nano.skills.arithmetic import arithmetic, beyond
from starling_nano.skills.coding import code, code_in_chat, not_code
from starling_nano.skills.facts import capitals, little_facts
from starling_nano.skills.memory import recall, tell
from starling_nano.skills.program import program
from starling_nano.skills.reading import as_json, read, repeat
from starling_nano.skills.sequences import sequences
from starling_nano.skills.small_talk import joke, small_talk, story
from starling_nano.skills.unknown import unknown

Skill = Callable[[Draw, Memory], Turn]

# How often each exchange is made in chat and in coding mode, as weights.
CHAT_SKILLS: Mapping[Skill, float] = {
    small_talk: 11,
    program: 15,
    tell: 12,
    recall: 12,
    arithmetic: 25,
    beyond: 5,
    sequences: 28,
    capitals: 7,
    little_facts: 10,
    repeat: 9,
    read: 10,
    as_json: 5,
    unknown: 6,
    joke: 2,
    story: 3,
    code_in_chat: 2,
}
CODE_SKILLS: Mapping[Skill, float] = {code: 8, not_code: 2}

ORDERS_KEPT_BACK = 10
SYSTEM_TEXTS = (
    "You are a helpful assistant.",
    "You are a helpful, honest and harmless assistant.",
    "You are Starling Nano.",
    "Answer briefly.",
    "Be polite and short.",
    "You are a friendly chat model.",
    "Today is a good day.",
    "Answer in English.",
)


def train_conversation(rng: random.Random) -> Conversation:
    """One conversation for training; nothing that is kept back for the evaluation is in it."""
    while True:
        shape = rng.random()
        if shape < 0.45:
            length = 1
        elif shape < 0.85:
            length = rng.randint(2, 6)
        elif shape < 0.985:
            length = rng.randint(7, 16)
        else:
            length = rng.randint(17, 60)
        conversation, order = _compose(Draw(rng), rng, length)
        if not _is_order_kept_back(order):
            return conversation


def exchange(skill: Skill, draw: Draw, memory: Memory, mode: Condition = Condition.CHAT) -> Turn:
    """One exchange; the next one may follow it up. Coding skills are in coding mode always."""
    turn = skill(draw, memory)
    memory.topic = skill.__name__
    return replace(turn, mode=Condition.CODE if skill in CODE_SKILLS else mode)


def _is_order_kept_back(order: tuple[str, ...]) -> bool:
    """Whether a conversation's order of skills is for the evaluation alone."""
    return len(order) > 2 and is_kept_back("order", " ".join(order), ORDERS_KEPT_BACK)


def _compose(draw: Draw, rng: random.Random, length: int) -> tuple[Conversation, tuple[str, ...]]:
    """A conversation of some exchanges, and the order of its skills."""
    memory = Memory()
    mode = (
        Condition.CODE
        if rng.random() < 0.16
        else Condition.MATH
        if rng.random() < 0.03
        else Condition.CHAT
    )
    system, is_system_role = _system(draw, rng, memory) if rng.random() < 0.1 else ("", False)
    weights = CODE_SKILLS if mode is Condition.CODE else CHAT_SKILLS
    if mode is Condition.CODE:
        length = min(length, 5)
    skills = rng.choices(tuple(weights), tuple(weights.values()), k=length)
    if length > 2 and mode is not Condition.CODE:
        skills = _with_memory(skills, rng)
    if memory.model_name and mode is not Condition.CODE and rng.random() < 0.7:
        skills[rng.randrange(length)] = small_talk
    if length > 1 and mode is Condition.CHAT and rng.random() < 0.15:
        skills = _with_coding(skills, rng)
    turns = [exchange(skill, draw, memory, mode) for skill in skills]
    if len(turns) > 1 and skills[0] is small_talk and rng.random() < 0.3:
        # The card's example of a conversation leaves the first answer out.
        turns[0] = replace(turns[0], assistant="")
    order = tuple(skill.__name__ for skill in skills)
    return Conversation(tuple(turns), system, is_system_role), order


def _with_memory(skills: list[Skill], rng: random.Random) -> list[Skill]:
    """In longer conversations: something told early and something asked at the end."""
    skills = list(skills)
    if rng.random() < 0.75:
        skills[rng.randrange((len(skills) + 1) // 2)] = tell
        skills[rng.randrange(len(skills) // 2 + 1, len(skills))] = recall
    return skills


def _with_coding(skills: list[Skill], rng: random.Random) -> list[Skill]:
    """A chat that goes over to coding mode, and often back: one to three exchanges of it."""
    length = rng.randint(1, min(3, len(skills) - 1))
    start = rng.randint(1, len(skills) - length)
    coding = rng.choices(tuple(CODE_SKILLS), tuple(CODE_SKILLS.values()), k=length)
    return [*skills[:start], *coding, *skills[start + length :]]


def _system(draw: Draw, rng: random.Random, memory: Memory) -> tuple[str, bool]:
    """A system text, in one of its two forms; some of them tell the model something."""
    kind = rng.random()
    if kind < 0.35:
        memory.model_name = draw.name()
        text = rng.choice(("Your name is {}.", "You are called {}.")).format(memory.model_name)
    elif kind < 0.7:
        memory.facts["name"] = draw.name()
        text = rng.choice(("The user's name is {}.", "The user is called {}.")).format(
            memory.facts["name"]
        )
    else:
        text = rng.choice(SYSTEM_TEXTS)
    return text, rng.random() < 0.5


@dataclass(frozen=True)
class Question:
    """One prompt of the evaluation: a conversation whose last answer is the expected one."""

    group: str
    conversation: Conversation

    @property
    def expected(self) -> str:
        """The answer that counts as right, to the character."""
        return self.conversation.turns[-1].assistant


# What the evaluation reports, and the exchanges that each line draws from.
GROUPS: Mapping[str, tuple[Skill, ...]] = {
    "small talk": (small_talk, small_talk, small_talk, joke, story),
    "the program": (program,),
    "memory": (recall,),
    "arithmetic": (arithmetic,),
    "sequences and lists": (sequences,),
    "facts": (capitals, little_facts),
    "reading": (repeat, read, as_json),
    "code": (code,),
    "modes": (not_code, code_in_chat, recall),
    "unknown": (unknown, unknown, unknown, beyond),
    "long conversations": (recall, recall, program, arithmetic, capitals, little_facts, sequences),
}
IN_CODE_MODE = (code, not_code)


def evaluation(seed: int = 1, per_group: int = 100) -> Iterator[Question]:
    """Held-out prompts: each has wordings, names, numbers or an order that training never has."""
    for group, skills in GROUPS.items():
        rng = random.Random(f"{seed} {group}")
        for _ in range(per_group):
            yield Question(group, _question(group, skills, rng))


def _question(group: str, skills: tuple[Skill, ...], rng: random.Random) -> Conversation:
    while True:
        last = rng.choice(skills)
        mode = Condition.CODE if last in IN_CODE_MODE else Condition.CHAT
        earlier = _earlier(group, mode, rng)
        memory = Memory()
        before = Draw(rng, new_values=True)
        turns = [exchange(skill, before, memory) for skill in earlier]
        draw = Draw(rng, new_phrasings=rng.random() < 0.5, new_values=True)
        turns.append(exchange(last, draw, memory))
        order = tuple(skill.__name__ for skill in (*earlier, last))
        told = last is not recall or bool(memory.facts)
        in_order = not earlier or len(order) < 3 or _is_order_kept_back(order)
        is_new = draw.found_new or (last is recall and before.found_new)
        if is_new and in_order and told:
            return Conversation(tuple(turns))


def _earlier(group: str, mode: Condition, rng: random.Random) -> list[Skill]:
    """The exchanges before the one that is asked; those of "modes" go to and fro."""
    if group == "modes":
        chat = rng.choices(tuple(CHAT_SKILLS), tuple(CHAT_SKILLS.values()), k=2)
        return rng.choices((tell, *chat, code, not_code), k=rng.choice((0, 0, 1, 2, 3, 4)))
    weights = CODE_SKILLS if mode is Condition.CODE else CHAT_SKILLS
    if group == "long conversations":
        length = rng.randint(16, 38)
    elif group == "memory":
        length = rng.randint(2, 10)
    elif mode is Condition.CODE:
        length = rng.choice((0, 0, 1, 2))
    else:
        length = rng.choice((0, 0, 0, 0, 1, 2, 3, 5))
    skills = rng.choices(tuple(weights), tuple(weights.values()), k=length)
    if group in ("memory", "long conversations"):
        skills[rng.randrange((length + 1) // 2)] = tell
    return skills


def main() -> None:
    """Print conversations of the corpus, or the evaluation's prompts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--show", type=int, default=10, metavar="COUNT")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--evaluation", action="store_true", help="the held-out prompts as JSON lines"
    )
    options = parser.parse_args()
    out = sys.stdout
    if options.evaluation:
        for question in evaluation():
            messages = [
                segment.prompt + segment.reply for segment in question.conversation.segments()
            ]
            line = {"group": question.group, "segments": messages, "expected": question.expected}
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
        return
    rng = random.Random(options.seed)
    for _ in range(options.show):
        for segment in train_conversation(rng).segments():
            out.write(segment.prompt + segment.reply + "\n")
        out.write("\n")


if __name__ == "__main__":
    main()
