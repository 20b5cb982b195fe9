"""What the model says about this program: short answers, and the many ways to ask for them.

Questions are patterns of `starling_nano.phrases`. Answers follow the program's command line and its
README; sizes, licence and people follow the published model cards.
"""

from __future__ import annotations

from starling_nano.conversation import Answer
from starling_nano.program_answers.chatting import CHATTING
from starling_nano.program_answers.converting import CONVERTING, DOWNLOADING, GPUS
from starling_nano.program_answers.knowledge import KNOWLEDGE
from starling_nano.program_answers.machine import MACHINE
from starling_nano.program_answers.scripting import MODELS, SCRIPTING

ANSWERS: tuple[Answer, ...] = (
    *CONVERTING,
    *DOWNLOADING,
    *GPUS,
    *CHATTING,
    *SCRIPTING,
    *MODELS,
    *MACHINE,
    *KNOWLEDGE,
)
"""All answers without a slot; no two have the same reply or a question in common."""
