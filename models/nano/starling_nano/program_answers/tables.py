"""Answers that differ in one value: exit codes, file sizes and commands."""

from __future__ import annotations

from collections.abc import Mapping

EXIT_CODES: Mapping[int, str] = {
    0: "Exit code 0 means that all is done.",
    1: "Exit code 1 means a bug in the program. Please report the traceback.",
    2: "Exit code 2 means wrong usage: the command asks for something that cannot be.",
    3: "Exit code 3 means that a model or a file was not found.",
    4: "Exit code 4 means that a model, a checkpoint or an input file is bad.",
    5: "Exit code 5 means that the model does not fit in memory.",
    6: "Exit code 6 means that a download failed.",
    7: "Exit code 7 means that a conversion failed, for example because the disk is full.",
    8: "Exit code 8 means that the prompt does not fit the context.",
    130: "Exit code 130 means that the program was interrupted, for example with Ctrl-C.",
}
"""Exit code to reply."""

EXIT_CODE_QUESTIONS: tuple[str, ...] = (
    "what does [exit code|exit status|return code|the exit code|~the return code] {code} mean?",
    "what is [exit code|exit status|return code|error code] {code}?",
    "[exit code|exit status|return code|exit|error code] {code}?",
    "<explain> [exit code|exit status|return code|error code] {code}?",
    "why [do I get|did I get|does it give me|is there|~have I got] "
    "[exit code|exit status|return code|error code] {code}?",
    "[starling|it|the program|my script|starling convert|starling ask|~the command] "
    "[ended|exited|stopped|failed|finished] with [code|exit code|exit status|return code"
    "|status] {code}.",
    "[starling|it|the program|the command] [returned|gave|gave me|returns|reported] "
    "[code|exit code|exit status|~status] {code}.",
    "when [do I get|does starling give|is there|~will I get] [exit code|exit status|return code] "
    "{code}?",
)
"""Questions for one exit code: `{code}` is a key of EXIT_CODES."""

FILE_SIZES_7B: Mapping[str, str] = {
    "Q4_0": "4.11 GB",
    "Q4_K_S": "4.14 GB",
    "Q4_K_M": "4.37 GB",
    "Q5_0": "5.00 GB",
    "Q5_K_S": "5.00 GB",
    "Q5_K_M": "5.13 GB",
    "Q6_K": "5.94 GB",
    "Q8_0": "7.70 GB",
}
"""Type to size of a converted 7B model; a gigabyte is 10**9 bytes."""

FILE_SIZE_REPLY = "A 7B model takes {size} in {type}."
"""Reply to a question for the size of one type."""

FILE_SIZE_QUESTIONS: tuple[str, ...] = (
    "how [big|large] is [the|a|a 7B|the 7B|Starling 7B in|the 7B model in|a model in] {type}?",
    "how [big|large] is [the|a|a 7B] {type} [file|model|GGUF|~GGUF file]?",
    "how [much|many GB|much space|much disk space|many gigabytes] does "
    "[|a |the |a 7B in |the 7B in |the 7B model in ]{type} [take|need|use|occupy]?",
    "<what-is> the [size|file size] of [a {type} file|the {type} file|{type}|a 7B in {type}"
    "|the 7B model in {type}|~a {type} GGUF]?",
    "[size of|file size of|size of a|size of the|~file size in] {type}?",
    "how many [GB|gigabytes] [has|is|~makes up] [a|the] {type} [file|model|GGUF]?",
    "how [big|large] will [the file|the GGUF|the model|it|~the output] be [in|with|as] {type}?",
)
"""Questions for the size of one type: `{type}` is a key of FILE_SIZES_7B."""

SLASH_COMMANDS: Mapping[str, str] = {
    "/help": "lists the commands of the chat",
    "/code": "switches to the coding mode",
    "/chat": "switches back to normal chatting",
    "/math": "switches to the mode for mathematics, which only OpenChat knows",
    "/system": "sets the system text",
    "/regen": "answers your last message again",
    "/undo": "takes back your last message and its answer",
    "/edit": "lets you change your last message",
    "/continue": "lets the last answer go on",
    "/new": "starts a new conversation",
    "/save": "saves the chat",
    "/load": "opens a saved chat",
    "/sessions": "lists your saved chats",
    "/read": "brings a text file into the chat",
    "/set": "changes a setting, such as the temperature",
    "/stats": "shows the tokens, the tokens per second and the context used",
    "/context": "shows how much of the context is used",
    "/tokens": "shows the ids and pieces of the conversation",
    "/copy": "copies the last answer",
    "/model": "changes the model",
    "/exit": "leaves the chat",
}
"""Command of the chat to what it does, as the end of a sentence."""

SLASH_COMMAND_REPLY = "`{command}` {does}."
"""Reply to a question for one command of the chat."""

SLASH_COMMAND_QUESTIONS: tuple[str, ...] = (
    "what does {command} do[| in the chat| here|~ in this chat]?",
    "what does [the command|the slash command|the chat command|the chat's] {command} do?",
    "what does the {command} command do[| in the chat| here|~ in this chat]?",
    "<explain> [|the command |the slash command |the chat command ]{command}?",
    "what is {command} [for|good for|used for|there for|useful for]?",
    "what [happens|will happen|changes] [when|if] I [type|use|enter|write|~send] {command}?",
    "[when|why] [do|should|would] I [use|type|need|enter] {command}?",
    "[meaning of|help on|help for|purpose of] {command}",
    "<what-is> the [meaning|purpose|use|point|~function] of {command}?",
)
"""Questions for one command of the chat: `{command}` is a key of SLASH_COMMANDS."""

COMMANDS: Mapping[str, str] = {
    "chat": "starts a chat in the terminal",
    "ask": "answers one prompt and prints nothing but the answer",
    "batch": "answers all prompts of a JSONL file",
    "stdio": "keeps the model loaded and answers JSON requests, one per line",
    "convert": "turns a safetensors checkpoint into GGUF files",
    "pull": "downloads a model",
    "models list": "lists the models on this machine",
    "models show": "shows the details of one model",
    "models verify": "checks the files of a model against their sha256",
    "models rm": "removes a model from this machine",
    "inspect": "shows what a GGUF file holds",
    "tokens": "shows the token ids and pieces of a text",
    "fit": "shows what fits into memory, without loading the model",
    "doctor": "says what this machine can do and how to fix what is missing",
    "bench": "measures the speed on this machine",
    "tune": "finds the fastest settings for this machine",
    "quality": "compares a quantised file with a reference",
}
"""Command, without the leading `starling`, to what it does, as the end of a sentence."""

COMMAND_REPLY = "`starling {command}` {does}."
"""Reply to a question for one command of the program."""

COMMAND_QUESTIONS: tuple[str, ...] = (
    "what does starling {command} do?",
    "what does `starling {command}` do?",
    "what does [the command|running|calling|typing] starling {command} do?",
    "what does the {command} command do[| in starling| in this program|~ in starling-local]?",
    "<explain> [|the command ]starling {command}?",
    "<explain> the {command} command[| of starling|~ of this program]?",
    "what is [|the command ]starling {command} [for|good for|used for|there for|useful for]?",
    "what [happens|will happen|goes on] [when|if] I [run|use|type|call|~start] starling {command}?",
    "[when|why] [do|should|would] I [use|run|need|~call] starling {command}?",
    "[meaning of|help on|help for|purpose of] starling {command}",
)
"""Questions for one command of the program: `{command}` is a key of COMMANDS."""
