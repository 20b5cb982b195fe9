"""Questions about using the program that the model ships with."""

from __future__ import annotations

from starling_nano.conversation import Memory, Turn
from starling_nano.draw import Draw
from starling_nano.program_answers import ANSWERS
from starling_nano.program_answers.tables import (
    COMMAND_QUESTIONS,
    COMMAND_REPLY,
    COMMANDS,
    EXIT_CODE_QUESTIONS,
    EXIT_CODES,
    FILE_SIZE_QUESTIONS,
    FILE_SIZE_REPLY,
    FILE_SIZES_7B,
    SLASH_COMMAND_QUESTIONS,
    SLASH_COMMAND_REPLY,
    SLASH_COMMANDS,
)


def program(draw: Draw, memory: Memory) -> Turn:
    """One question about the program, its commands, file sizes or exit codes."""
    if draw.chance(0.25):
        return draw.pick((_exit_code, _file_size, _slash_command, _slash_command, _command))(draw)
    answer = draw.pick(ANSWERS)
    return Turn(draw.phrase(*answer.questions), answer.reply)


def _exit_code(draw: Draw) -> Turn:
    code = draw.pick(tuple(EXIT_CODES))
    return Turn(draw.phrase(*EXIT_CODE_QUESTIONS, code=str(code)), EXIT_CODES[code])


def _file_size(draw: Draw) -> Turn:
    file_type = draw.pick(tuple(FILE_SIZES_7B))
    reply = FILE_SIZE_REPLY.format(type=file_type, size=FILE_SIZES_7B[file_type])
    return Turn(draw.phrase(*FILE_SIZE_QUESTIONS, type=file_type), reply)


def _slash_command(draw: Draw) -> Turn:
    command = draw.pick(tuple(SLASH_COMMANDS))
    reply = SLASH_COMMAND_REPLY.format(command=command, does=SLASH_COMMANDS[command])
    return Turn(draw.phrase(*SLASH_COMMAND_QUESTIONS, command=command), reply)


def _command(draw: Draw) -> Turn:
    command = draw.pick(tuple(COMMANDS))
    reply = COMMAND_REPLY.format(command=command, does=COMMANDS[command])
    return Turn(draw.phrase(*COMMAND_QUESTIONS, command=command), reply)
