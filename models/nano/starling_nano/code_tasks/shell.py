"""Commands of the shell."""

from __future__ import annotations

from starling_nano.code_tasks.requests import IN_SHELL, MAYBE_IN_SHELL, shell, shell_pair
from starling_nano.code_tasks.task import Slot

_FOLDER_WORD = "[folder|directory]"

_HERE = f"[a|this|the|the current] {_FOLDER_WORD}"

SHELL = (
    shell(
        "list_files",
        "ls",
        "list|show|display|view",
        f"[the |]files in {_HERE}|[the |]files|the contents of {_HERE}",
    ),
    shell(
        "list_hidden_files",
        "ls -a",
        "list|show|display|view",
        f"[the |all |all the |][hidden files|hidden files in {_HERE}]",
    ),
    shell("show_folder", "pwd", "show|print|display|get", f"the [current|working] {_FOLDER_WORD}"),
    shell(
        "disk_space",
        "df -h",
        "show|check|display|print|view",
        "[the |][free |available |]disk space|[the |]disk usage"
        "|how much disk space [is left|is free|I have|remains]",
        extra=(
            "How much [disk space|space on the disk] [is left|is free|do I have|remains]"
            f"{MAYBE_IN_SHELL}?",
        ),
    ),
    shell(
        "running_processes",
        "ps aux",
        "list|show|display|view",
        "[the |all |all the |][running processes|processes]|the processes that are running"
        "|which processes are running",
        extra=(
            "[Which|What] processes are [running|active|~at work]"
            "[ in the shell| on my computer| on this machine| on Linux|]?",
        ),
    ),
    shell(
        "count_files",
        "find . -maxdepth 1 -type f | wc -l",
        "count|tally",
        f"[the |all |all the |]files in {_HERE}|how many files are in {_HERE}",
        extra=(
            f"How many files [are|are there] in {_HERE}{MAYBE_IN_SHELL}?",
            f"[Give me|Show me|I need|~Let me see] the number of files in {_HERE} {IN_SHELL}",
        ),
    ),
    shell(
        "hello_world_in_shell",
        "echo 'Hello, world!'",
        "print|echo|output|write|~say",
        "hello world|hello, world",
        where=f" {IN_SHELL}",
        extra=(
            f"[Write|Show me|Give me|Code|Produce] hello world {IN_SHELL}",
            "[[shell|bash|terminal] hello world|hello world [script |]in [bash|the shell]"
            "|a hello world [shell|bash] script|~hello world as a [shell|bash] script]",
        ),
    ),
    shell(
        "print_text_in_shell",
        "echo '@text@'",
        "print|echo|output|display|say",
        '"{text}"|{text}|the text [{text}|"{text}"]|the words {text}|the message "{text}"',
        slots=(Slot.TEXT,),
        where=f" {IN_SHELL}",
    ),
    shell(
        "loop_numbers_in_shell",
        """
            for i in {@low@..@high@}; do
                echo "$i"
            done
        """,
        "loop|count|~run",
        "from {low} to {high}|over the numbers from {low} to {high}",
        slots=(Slot.LOW, Slot.HIGH),
        where=f" {IN_SHELL}",
        extra=(
            f"[print|show|echo|~list] [the |all |]numbers from {{low}} to {{high}} {IN_SHELL}",
            "[[shell|bash] [for |]loop from {low} to {high}|a [for |]loop from {low} to {high} in"
            " [bash|the shell]|[Write|Show me|Give me|Produce] a [shell|bash] loop from {low} to"
            " {high}]",
        ),
    ),
    *shell_pair(
        "count_lines",
        "wc -l @file@",
        "count|tally",
        "[the |all |]lines [of|in] [the file |]{file}",
        unnamed="[the |all |]lines [of|in] [a|the] [file|text file]",
        slots=(Slot.FILE,),
    ),
    *shell_pair(
        "first_lines",
        "head -n 10 @file@",
        "show|print|display|view",
        "the first [ten|10] lines of [the file |]{file}",
        unnamed="the first [ten |10 ||few ]lines of a [file|text file]",
        slots=(Slot.FILE,),
    ),
    *shell_pair(
        "find_files",
        'find . -name "*.@extension@"',
        "find|search for|look for|locate",
        "[all |all the |]{extension} files|[all |all the |].{extension} files"
        "|[all |]files [ending in|that end in|with the extension] .{extension}",
        unnamed="files by [name|their name|extension]|[all |]files [with|of] one extension"
        "|[all |]files of one [type|kind]",
        slots=(Slot.EXTENSION,),
    ),
    shell(
        "loop_files",
        """
            for file in *.@extension@; do
                echo "$file"
            done
        """,
        "loop|iterate|~run",
        "[over|through] [all |all the |the |][{extension}|.{extension}] files",
        slots=(Slot.EXTENSION,),
    ),
    shell(
        "loop_all_files",
        """
            for file in *; do
                echo "$file"
            done
        """,
        "loop|iterate|run",
        f"[over|through] [all |all the |the |][files|files in {_HERE}]",
    ),
    *shell_pair(
        "make_folder",
        "mkdir @folder@",
        "make|create|add|set up",
        f"[a |a new |the ]{_FOLDER_WORD} [called |named |]{{folder}}",
        unnamed=f"[a|a new] {_FOLDER_WORD}",
        slots=(Slot.FOLDER,),
    ),
    *shell_pair(
        "delete_file",
        "rm @file@",
        "delete|remove|erase|get rid of",
        "[the file |]{file}|[a|the] file [called|named] {file}",
        unnamed="[a|one] file",
        slots=(Slot.FILE,),
    ),
    *shell_pair(
        "copy_file",
        "cp @file@ @folder@/",
        "copy|duplicate",
        f"[the file |]{{file}} [to|into] [the {_FOLDER_WORD} |]{{folder}}",
        unnamed=f"a file|a file [to|into] [a|another] {_FOLDER_WORD}",
        slots=(Slot.FILE, Slot.FOLDER),
    ),
    *shell_pair(
        "search_word",
        'grep -rn "@word@" .',
        "search for|find|look for|grep for|locate",
        "[the word |the text |]{word} in [all |all my |my |the |all the |]files",
        unnamed="[a word|a text|a string] in [all |all my |my |the |all the |]files",
        slots=(Slot.WORD,),
    ),
    *shell_pair(
        "make_executable",
        "chmod +x @name@.sh",
        "make|mark",
        "[the script |the file |]{name}.sh [executable|runnable]",
        unnamed="a [script|shell script|file] [executable|runnable]",
        slots=(Slot.NAME,),
    ),
    *shell_pair(
        "unpack_archive",
        "tar -xzf @name@.tar.gz",
        "unpack|extract|untar|decompress|~open",
        "[the file |the archive |]{name}.tar.gz",
        unnamed="a [tar.gz|.tar.gz|tar] [file|archive]|a tar.gz",
        slots=(Slot.NAME,),
    ),
)
