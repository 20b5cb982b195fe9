"""The chat in the terminal."""

from __future__ import annotations

from starling_nano.conversation import Answer
from starling_nano.program_answers.words import ANSWER, CHAT, SHOW

CHATTING = (
    Answer(
        "Type `starling chat` in a terminal to start a chat.",
        (
            "<how-to> [start|begin|launch] [a chat|the chat|a chat in the terminal"
            "|~a conversation in the terminal]?",
            "[which|what] command [starts|begins|launches] [a|the] chat?",
            "<how-to> [chat|talk|speak] [with|to] [you|the model|Starling] [in|from] [the|a|my] "
            "[terminal|shell|console]?",
            "[start a chat|start the chat|start chatting|~begin a chat]",
            "where [do I|can I] [start|begin|open|launch] [the|a] chat?",
        ),
    ),
    Answer(
        "Type `/exit` or press Ctrl-D to leave the chat.",
        (
            f"<how-to> [leave|end|quit|exit|close|~get out of] {CHAT}?",
            "[leave|quit|exit|close|end] [the chat|chat|this chat|~the conversation]",
            "[how do I|how can I|how to] [get out|get out of here|get out of this chat|quit|exit"
            "|~leave here]?",
            "[which|what] command [leaves|ends|closes|quits|exits] [the|this] chat?",
            "[I want to|I would like to|let me|~I have to] [quit|leave|exit|end|close] "
            "[the chat|this chat].",
        ),
    ),
    Answer(
        "Type `/code` to switch the coding mode on. In scripts, use `starling ask --code`.",
        (
            "<how-to> [turn on|switch on|start|enter|use|activate|enable] "
            "[the |][coding mode|code mode|programming mode]?",
            "<how-to> [turn|switch] [the |][coding mode|code mode|programming mode] on?",
            "<how-to> [switch|change|go] [to|into] [the |][coding mode|code mode]?",
            "<explain> [coding mode|code mode|the coding mode|the code mode|programming mode]?",
            "[coding mode|code mode] on",
            "[start|enter|switch to|turn on|use|enable] [the |][coding mode|code mode]",
            "[is there|do you have|does starling have|~have you got] a "
            "[coding mode|code mode|mode for code|mode for programming]?",
        ),
    ),
    Answer(
        "Type `/chat` to switch the coding mode off and go back to normal chatting.",
        (
            "<how-to> [turn off|switch off|leave|exit|end|stop|disable] "
            "[the |][coding mode|code mode|programming mode]?",
            "<how-to> [turn|switch] [the |][coding mode|code mode|programming mode] off?",
            "<how-to> [go back|switch back|get back|return|~change back] to "
            "[the normal mode|normal mode|normal chat|the chat mode|chat mode"
            "|the ordinary mode]?",
            "[coding mode|code mode] off",
            "[leave|exit|turn off|switch off|end|disable] [the |][coding mode|code mode]",
            "[back to|switch back to|return to|~go back to] "
            "[normal mode|the normal mode|normal chat|chat mode|the chat mode]",
        ),
    ),
    Answer(
        "Type `/save` to save the chat. You can go on with it later.",
        (
            f"<how-to> [save|keep|store] {CHAT}?",
            f"<can-i> [save|keep|store] {CHAT}?",
            "[save chat|save the chat|save this chat|save the conversation|save my chat"
            "|save this conversation|~save our chat]",
            "[which|what] command [saves|keeps|stores] [the|a|this] [chat|conversation|session]?",
            "[I want to|I would like to|let me|please|~I need to] [save|keep] "
            "[the chat|this chat|this conversation|the conversation|the session].",
            "<how-to> [save|keep|store] [a|the|my] [chat session|session|history]?",
        ),
    ),
    Answer(
        "Type `/load` to open a saved chat, or start with `starling chat --session NAME`.",
        (
            "<how-to> [load|open|resume|reopen|restore|bring back] "
            "[a saved chat|an old chat|a saved session|my last chat|a saved conversation"
            "|an earlier chat|a previous chat|an old session]?",
            "<how-to> [go on|continue|carry on|proceed] with "
            "[a saved chat|an old chat|a saved session|an earlier chat|my saved chat"
            "|a previous chat]?",
            "<can-i> [load|open|resume|go on with|~come back to] "
            "[a saved chat|an old chat|a saved session|an earlier chat|my last session"
            "|a previous chat]?",
            "[load|open|resume|restore] [chat|a chat|a saved chat|an old chat|a session"
            "|a saved session|a previous chat]",
            "[which|what] command [loads|opens|resumes|restores] [a saved|an old|an earlier] "
            "[chat|session|conversation]?",
        ),
    ),
    Answer(
        "Type `/sessions` to list your saved chats.",
        (
            "<how-to> [list|see|find|show|view|~look at] [my|all|all my|the] "
            "[saved chats|sessions|saved sessions|saved conversations|old chats"
            "|earlier sessions]?",
            "[which|what] [saved chats|sessions|saved sessions|saved conversations] "
            "[do I have|are there|exist|have I saved|~can I load]?",
            "[list|show|show me] [my|all|all my|the] [saved chats|sessions|saved sessions"
            "|saved conversations|old chats]",
            "where [are|can I find|do I find|~can I see] my "
            "[saved chats|sessions|saved sessions|saved conversations|old chats]?",
            "[list|list of|a list of] [saved chats|chat sessions|sessions|saved conversations]",
        ),
    ),
    Answer(
        "Type `/new` to start a new conversation.",
        (
            "<how-to> [start|begin|open|~make] [a new|a fresh|an empty|another] "
            "[conversation|chat|session]?",
            "<how-to> [clear|reset|empty|wipe] [the|this] [chat|conversation]?",
            "<how-to> start [over|again|afresh|from the beginning|from scratch]?",
            "[new chat|new conversation|start over|clear the chat|reset the chat"
            "|clear the conversation|start a new chat|fresh chat]",
            "[I want|let me have|let me start|give me|~I'd like] [a new|a fresh|an empty] "
            "[chat|conversation].",
            "[which|what] command [starts|begins|opens] [a new|a fresh|an empty] "
            "[chat|conversation|session]?",
        ),
    ),
    Answer(
        "Type `/undo` to take back your last message and its answer.",
        (
            "<how-to> [undo|take back|remove|delete|cancel] "
            "[my last message|the last message|the last turn|my last question|my last turn"
            "|what I wrote|my latest message]?",
            "<can-i> [undo|take back|remove|delete|withdraw] "
            "[my last message|the last message|the last turn|my last question|my last turn"
            "|my latest message]?",
            "[undo|take back|remove|delete] [the last message|my last message|the last turn"
            "|my last turn|my latest message]",
            "[which|what] command [undoes|takes back|removes|deletes] "
            "[the last message|my last message|the last turn|my latest message]?",
            "[I want to|I would like to|let me|~I have to] [undo|take back|delete] "
            "[that|my last message|the last message|the last turn|what I said].",
        ),
    ),
    Answer(
        "Type `/regen` and your last message is answered again.",
        (
            "<how-to> [regenerate|redo|renew] [the|the last|your last] [answer|reply|response]?",
            "<how-to> [get|have|receive] [another|a different|a second|~one more] "
            "[answer|reply|response]?",
            "<can-i> [regenerate|redo|renew] [the|the last|your last] [answer|reply|response]?",
            "[regenerate|regenerate the answer|regenerate the reply|another answer"
            "|a different answer|regenerate the last answer|regenerate your answer]",
            "[I want|I would like|give me|show me|~I need] [another|a different] "
            "[answer|reply|response] [to my last message|to that|to my last question].",
            "[which|what] command [regenerates|redoes|renews] [the|the last|your last] "
            "[answer|reply|response]?",
            "<can-i> make [you|the model] answer [my last question|my last message] again?",
        ),
    ),
    Answer(
        "Type `/edit` to change your last message and get a new answer to it.",
        (
            "<how-to> [edit|change|correct|fix|rewrite|improve] "
            "[my last message|the last message|my last question|my message|what I wrote|a message"
            "|my latest message]?",
            "<can-i> [edit|change|correct|fix|rewrite|improve] "
            "[my last message|the last message|my last question|my message|what I wrote"
            "|my latest message]?",
            "[edit|change|correct] [my last message|the last message|my message|my last question"
            "|my latest message]",
            "[which|what] command [edits|changes|corrects|rewrites] "
            "[my last message|the last message|my message]?",
            "[I made|there is|I see|I found] a [mistake|typo|spelling mistake|misprint] in my "
            "[last message|message|last question].",
        ),
    ),
    Answer(
        "Type `/continue` to let the last answer go on.",
        (
            "<how-to> [continue|go on with|extend|prolong] [the last|your last|a cut|the] "
            "[answer|reply|response]?",
            "<how-to> make [you|the model] [go on|continue|write more|~carry on]?",
            "[your answer|the answer|your reply|the reply] [is|was] "
            "[cut off|not finished|incomplete|not complete|cut short|unfinished].",
            "[continue|go on with|finish] [the answer|your answer|the last answer|your reply"
            "|~your last reply]",
            "[which|what] command [continues|extends|prolongs] [the|your|the last] "
            "[answer|reply|response]?",
        ),
    ),
    Answer(
        "Type `/system` and a text to set the system text. In scripts, use `starling ask "
        "--system`.",
        (
            "<how-to> [set|change|give|write|use|add|define] [a|the|my own] "
            "[system text|system prompt|system message|system instruction]?",
            "<can-i> [set|change|give|use|add|define] [a|the|my own] "
            "[system text|system prompt|system message|system instruction]?",
            "[system text|system prompt|system message|set a system prompt|set the system text"
            "|~change the system prompt]",
            "where [do I|can I] [set|put|write|enter] [the|a] "
            "[system text|system prompt|system message]?",
            "<how-to> give [you|the model] [instructions|a role|rules|directions] for the whole "
            "[chat|conversation|session]?",
        ),
    ),
    Answer(
        "Type `/read FILE` to bring a text file into the chat.",
        (
            "<how-to> [read|put|bring|get|load|paste] [a|my|a text|this] file "
            "[into the chat|into this chat|into the conversation|~into our chat]?",
            "<how-to> [show|give|hand] [you|the model] [a file|my file|a text file|a document]["
            "| in the chat| during the chat]?",
            "<can-i> [show|give|hand] [you|the model] [a file|my file|a text file|a document]?",
            "can you [read|open|look into|look at] [a file|my file|files|a text file|a document]?",
            "[read|open] [a file|my file|this file|a text file][| in the chat| into the chat"
            "| during the chat]",
            "[which|what] command reads [a file|my file|a text file|a document][| in the chat"
            "| into the chat]?",
        ),
    ),
    Answer(
        "Type `/tokens` to see the tokens of the chat. `starling tokens TEXT` shows those of a "
        "text.",
        (
            f"<how-to> {SHOW} [the tokens|the token ids|the tokens of the chat"
            "|the tokens of a text|the ids of the tokens|~token numbers]?",
            "<how-to> count [the tokens|tokens|my tokens|the tokens of a text"
            "|the tokens of this chat]?",
            "how many tokens [has|are in|~make up] [this chat|a text|the conversation|my message"
            "|my text|~my prompt]?",
            "[show|show me|list|count|~print] [the tokens|the token ids|my tokens|token ids"
            "|the tokens of a text]",
            "[which|what] command [shows|lists|counts|~prints] "
            "[the tokens|the token ids|tokens|token ids]?",
            "<can-i> see [how a text is split into tokens|the tokens of my message|the tokens"
            "|the token ids|how my text becomes tokens]?",
        ),
    ),
    Answer(
        "Type `/copy` to copy the last answer.",
        (
            f"<how-to> copy {ANSWER}[| to the clipboard| from the chat| out of the chat"
            "| into the clipboard]?",
            f"<can-i> copy {ANSWER}[| to the clipboard| from the chat| out of the chat"
            "| into the clipboard]?",
            "copy [the answer|the last answer|your answer|the reply|to the clipboard"
            "|~the last reply]",
            "[which|what] command copies [the|the last|your last] [answer|reply|response]?",
            "[is there|do you have|~have you got] a [copy command|command to copy"
            "|command for copying|shortcut to copy]?",
        ),
    ),
    Answer(
        "Type `/stats` to see the tokens, the tokens per second and how much of the context is "
        "used.",
        (
            f"<how-to> {SHOW} [the statistics|statistics|the stats|the tokens per second"
            "|the speed of the answer|chat statistics]?",
            "how [fast|quick] was [the answer|your answer|that answer|the last answer"
            "|~your last reply]?",
            "how much [of the context|context] [is|have I|is already|has been] "
            "used[| up| so far| in this chat]?",
            "[show|show me|display|~print] [the statistics|statistics|the stats"
            "|the tokens per second]",
            "[statistics|stats|tokens per second|chat statistics|answer statistics]?",
            "how many tokens per second [do you write|do I get|does it make|are there"
            "|do you generate]?",
            "[which|what] command [shows|displays|~prints] "
            "[the statistics|statistics|the stats|the tokens per second]?",
        ),
    ),
    Answer(
        "Type `/help` to see the commands of the chat.",
        (
            "[which|what] [commands|slash commands] [are there|exist|can I use|can I type"
            "|are available] [in the chat|in this chat|here in the chat]?",
            "[list|show|show me|name|~print] [the|all|all the] "
            "[slash commands|chat commands|commands of the chat|commands in the chat].",
            "<how-to> [see|list|find|~look up] [the|all] [slash commands|chat commands"
            "|commands of the chat]?",
            "[slash commands|chat commands|commands of the chat|~commands in this chat]?",
            "<how-to> [get|find|receive] help [in the chat|in this chat|while chatting]?",
        ),
    ),
    Answer(
        "Press Ctrl-C. The answer stops, what was said is kept, and the chat goes on.",
        (
            f"<how-to> [stop|interrupt|cancel|abort|cut|halt] {ANSWER}?",
            f"<can-i> [stop|interrupt|cancel|abort|halt] {ANSWER}?",
            "<how-to> [stop|interrupt|halt] [you|the model][| in the middle of an answer"
            "| when the answer is too long| during an answer]?",
            "[which|what] key [stops|interrupts|cancels|halts] "
            "[the answer|an answer|your answer|the reply]?",
            "what does Ctrl-C do[| in the chat| during an answer| while you answer]?",
            "[stop|interrupt|cancel|abort] [the answer|an answer|your answer|this answer"
            "|~the reply]",
            "[the answer|your answer|this answer] is too long, [how do I|how can I|can I] "
            "[stop|interrupt|halt] it?",
        ),
    ),
    Answer(
        "When the context is full, the oldest turns are dropped, and the chat tells you so.",
        (
            "what [happens|do you do|happens to my chat] [when|if|once] the "
            "[context|context window] is [full|used up|filled]?",
            "what happens [when|if|once] [the chat|a chat|the conversation|this chat|~our chat] "
            "[gets|is|becomes|grows] too long?",
            "[the|my] [context|context window] is [full|used up|filled].",
            "<tell> what happens [when|if] the [context|context window] is [full|used up|filled].",
            "[context is full|context full|full context|conversation too long|chat too long"
            "|~context used up]",
            "how long can [a chat|the chat|a conversation|the conversation|this chat|~our chat] "
            "[be|get|become]?",
            "do you forget [the oldest turns|the start of a long chat|old messages"
            "|the beginning of a long chat|~the first messages of a long chat]?",
        ),
    ),
)
