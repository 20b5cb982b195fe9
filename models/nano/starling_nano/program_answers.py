"""What the model says about this program: short answers, and the many ways to ask for them.

Questions are patterns of `starling_nano.phrases`. Answers follow the program's command line and its
README; sizes, licence and people follow the published model cards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_CHECKPOINT = (
    "[a checkpoint|the checkpoint|a model|the model|a safetensors folder|my download"
    "|a safetensors checkpoint|a Mistral model|~a downloaded checkpoint]"
)
_QUANTISATION = "[quantisation|quantization|~kind of quantisation|quantization type]"
_PROGRAM = "[this program|the program|starling-local|this tool|this software]"
_ANSWER = "[the answer|your answer|the reply|an answer|~your reply|the response]"
_CHAT = (
    "[the chat|this chat|the conversation|this conversation|my chat|~our chat|~our conversation]"
)
_SCRIPT = (
    "[a script|scripts|a program|another program|a shell script|my script|~a bash script"
    "|my own program]"
)
_GPU = "[the GPU|my GPU|a GPU|the graphics card|my graphics card|my NVIDIA GPU|the video card]"
_SHOW = "[show|see|view|display|print|~look at]"


@dataclass(frozen=True)
class Answer:
    """What the model says, and the ways in which people ask for it."""

    reply: str
    questions: tuple[str, ...]


_CONVERTING = (
    Answer(
        "Run `starling convert FOLDER -q Q4_K_M`, where FOLDER holds the safetensors checkpoint.",
        (
            f"<how-to> [convert|quantise|quantize] {_CHECKPOINT}?",
            f"<how-to> [turn|convert|transform] {_CHECKPOINT} [into|to] "
            "[GGUF|a GGUF file|a GGUF|Q4|~Q5]?",
            "[how do I|how can I|how to] [make|create|get|write|produce|~build] "
            "[a GGUF file|a GGUF|GGUF files|a quantised file|a Q4 file] from [a|the|my] "
            "[checkpoint|safetensors files|safetensors folder|safetensors]?",
            "[convert|quantise|quantize] [a checkpoint|my checkpoint|the model|a model"
            "|safetensors|safetensors to GGUF|a safetensors model]",
            "[I want to|I would like to|I need to|help me|help me to|I am trying to] "
            f"[convert|quantise|quantize] {_CHECKPOINT}.",
            "[which|what] command [converts|quantises|quantizes|~is there to convert] "
            f"{_CHECKPOINT}?",
            "how does [converting|conversion|the conversion|the converter] work?",
        ),
    ),
    Answer(
        "Repeat `-q`: `starling convert FOLDER -q Q4_K_M -q Q8_0` writes both files from one read.",
        (
            "<can-i> [convert to|make|write|create|get|produce] "
            "[several|two|three|many|multiple|a few|both] "
            "[types|files|quantisations|quantizations|GGUF files] "
            "[at once|in one run|at the same time|together|in one go|~with one command]?",
            "<how-to> [convert to|make|write|get|produce] "
            "[several|two|three|multiple|many|a few] [types|quantisations|quantizations"
            "|GGUF types] [at once|in one run|at the same time|together|~in one go]?",
            "<how-to> [convert|quantise] [a|the|my] [model|checkpoint] to "
            "[Q4 and Q8|Q4_K_M and Q8_0|Q4 and Q5|Q5_K_M and Q8_0|~Q4_0 and Q8_0] "
            "[at once|in one run|together|at the same time|~in one go]?",
            "[several|two|multiple|many|~three] [types|quantisations|files] "
            "[at once|in one run|together|in one conversion|~at the same time]",
            "do I [have to|need to|really have to] convert "
            "[twice|again|several times|once more] for [two|several|more|~three] "
            "[types|quantisations|files]?",
        ),
    ),
    Answer(
        "Take `Q4_K_M` for 8 GB of memory. `Q5_K_M` loses less quality, and `Q8_0` is almost as "
        "good as the original.",
        (
            f"which {_QUANTISATION} [should I|do I|shall I] [take|use|choose|pick|~go for]?",
            "which [type|file type|quant|GGUF type|format] [should I|do I|shall I] "
            "[take|use|choose|pick|select]?",
            f"[what|which] {_QUANTISATION} is [best|good|right|the best|better|~the right one]["
            "| for me| for my laptop| for this machine|~ for my computer]?",
            "what is the best [quantisation|quantization|type|quant|file type][| for me"
            "| for my laptop| for 8 GB| for 8 GB of memory| for a small machine]?",
            "[Q4 or Q8|Q4 or Q5|Q5 or Q8|Q4_K_M or Q8_0|Q4_K_M or Q5_K_M|~Q5_K_M or Q8_0]?",
            "should I [take|use|choose|pick] [Q4 or Q8|Q4 or Q5|Q5 or Q8|Q4_K_M or Q8_0"
            "|Q4_K_M or Q5_K_M|~Q5_K_M or Q8_0]?",
            "[recommend|suggest|choose|pick] [me a|a] [quantisation|quantization|type|quant]["
            "| for my laptop| for me].",
        ),
    ),
    Answer(
        "Quantisation stores the weights of a model with fewer bits. The file gets smaller and "
        "needs less memory.",
        (
            "<explain> [quantisation|quantization|a quantised model|a quantised file"
            "|a quantized model|~a quantised GGUF]?",
            "what does [quantisation|quantization|quantised|quantise|quantized|to quantise] mean?",
            "why [do I|should I|do people|does one|~would one] [quantise|quantize] "
            "[a model|the model|models|a checkpoint|the weights]?",
            "[what is|what's|tell me] the [meaning|point|purpose|use|idea|sense] of "
            "[quantisation|quantization]?",
            "how does [quantisation|quantization] work?",
            "what [happens|is done|changes] [when|if] [a model|the model|a checkpoint] is "
            "[quantised|quantized]?",
            "<tell> what [quantisation|quantization] [is|means|does].",
        ),
    ),
    Answer(
        "`starling convert` writes F32, F16, BF16, Q8_0, Q6_K and several kinds of Q5 and Q4, "
        "such as Q5_K_M and Q4_K_M.",
        (
            "[which|what] [types|file types|quantisations|quantizations|quants|kinds of GGUF] "
            "[are there|exist|can I choose from|are supported|are possible|are available]?",
            "[which|what] [types|file types|quantisations|quantizations|formats] "
            "[can starling write|can you write|does starling convert write|can I convert to"
            "|does the converter know|does it support]?",
            "[list|show me|name|~tell me] [the|all|all the] "
            "[types|file types|quantisations|quantizations|quants].",
            "[can starling|can it|can the converter|can I] [write|make|convert to|produce] "
            "[F16|BF16|Q6_K|F32|Q4_0|Q5_0|~Q5_K_S|~Q4_K_S]?",
            "[list of|all|the list of] [types|file types|quantisations|quants|quantizations]",
        ),
    ),
    Answer(
        "A 7B model takes 4.37 GB in Q4_K_M, 5.13 GB in Q5_K_M and 7.70 GB in Q8_0.",
        (
            "how [big|large] are [the files|the GGUF files|the converted files"
            "|the quantised files|~the outputs]?",
            "how [big|large] is [a|the] [converted|quantised|quantized] "
            "[file|model|7B|7B model|~GGUF]?",
            "how much [disk space|space|room|~free disk space] do "
            "[the converted files|the GGUF files|the quantised files|converted files"
            "|~quantised models] [take|need|use]?",
            "<what-is> the size of [the converted files|a converted file|the quantised files"
            "|a quantised model|the GGUF files|~a converted model]?",
            "[file size|file sizes|size of the files|size of the GGUF files|GGUF sizes]?",
            "how [big|large] is [the|a] 7B [file|GGUF|model] "
            "[after converting|after the conversion|after quantisation|when quantised"
            "|~once converted]?",
        ),
    ),
    Answer(
        "Converted files go into the current folder. Use `-o DIR` to choose another one.",
        (
            "where [do|will] [the|my] [converted files|GGUF files|output files|files|outputs"
            "|results] [go|land|end up|get written|appear]?",
            "where [does|will] [starling convert|the converter|the conversion|it|~the program] "
            "[write|put|save|store|~leave] [the|its|my] [files|GGUF files|converted files"
            "|output files]?",
            "<how-to> [choose|set|change|select] [the output folder|the output directory"
            "|where the files go|the folder of the converted files|where the GGUF goes]?",
            "<can-i> [write|put|save|store] the [converted files|GGUF files|output|GGUF] "
            "[in|into] [another|a different|some other|~a new] [folder|directory|place]?",
            "[output folder|output directory|folder for the converted files|output path]",
            "I [can't|cannot] find [the|my] [converted|GGUF|output] [file|files].",
        ),
    ),
    Answer(
        "A dry run only says which files would be written and how big they would be. Add "
        "`--dry-run` to `starling convert`.",
        (
            "<explain> [a dry run|the dry run|--dry-run|`--dry-run`|~dry-run mode]?",
            "what does [a dry run|the dry run|--dry-run|`--dry-run`|~dry-run mode] "
            "[do|mean|show|~tell me]?",
            "<can-i> [test|try|preview|check|simulate] [a|the] conversion without "
            "[writing anything|writing files|writing|writing any file]?",
            "<how-to> [do|make|start|launch] a dry run?",
            "[dry run|dry run of a conversion|dry-run|~dry run first]",
            "<can-i> [see|know|learn|check|~find out] [the sizes|what would be written"
            "|how big the files would be|the exact sizes] before "
            "[converting|I convert|the conversion|~a conversion]?",
        ),
    ),
)

_DOWNLOADING = (
    Answer(
        "Run `starling pull starling-7b-alpha -q Q4_K_M` to download the real Starling and "
        "convert it.",
        (
            "<how-to> [get|download|pull|fetch|install|obtain] "
            "[the real Starling|Starling|the real model|Starling 7B|the big model"
            "|the Starling model|the 7B model|~a bigger model|~Starling-LM-7B-alpha]?",
            "where [can I|do I|could I] [get|download|find|obtain] "
            "[the real Starling|Starling|the real model|the big model|the Starling model"
            "|the full model]?",
            "[I want|I would like|give me|I need|~I'd like] "
            "[the real Starling|the real model|the big model|Starling 7B|a better model].",
            "[download|pull|get|fetch] [Starling|the real Starling|the real model|Starling 7B"
            "|the 7B model|the full model]",
            "[which|what] command [downloads|pulls|gets|fetches] "
            "[the model|the real model|Starling|a model|the real Starling]?",
            "<how-to> [use|run|try|chat with|talk to] [the real Starling|the real model"
            "|the big model|the full model]?",
        ),
    ),
    Answer(
        "The 7B model is a download of 14.5 GB and the 11B model one of 21.5 GB. The time "
        "depends on your connection.",
        (
            "how [big|large] is the download[| of Starling| of the model| of the 7B model"
            "|~ of the checkpoint]?",
            "how [long|much time] [does|will] [the download|downloading|downloading Starling"
            "|the pull|fetching the model] take?",
            "how [much|many GB|many gigabytes|much data] [do I have to|must I|will I"
            "|do I need to] download?",
            "how [many GB|many gigabytes|much disk space|much space|much data] [does|will] "
            "[the download|downloading|a download|the download of Starling] [take|need|use]?",
            "[download size|size of the download|download time|~size of the checkpoint]",
            "<what-is> the size of the [download|Starling download|model download"
            "|~whole download]?",
            "<tell> how [big|large] the [download|model download|Starling download"
            "|~whole download] is.",
        ),
    ),
    Answer(
        "The program is under the Apache License 2.0. Starling-LM-7B-alpha was published for "
        "non-commercial use.",
        (
            "[what is|what's|tell me|do you know] the [licence|license][| of Starling"
            "| of the model| of this program| of the program|~ of starling-local]?",
            "[what|which] [licence|license] does [Starling|the model|this program|it"
            "|~starling-local] have?",
            "<can-i> use [Starling|it|the model|this|~the answers] "
            "[commercially|for commercial work|in a product|for money|in my company"
            "|in my business|~at work]?",
            "is [Starling|the model|this program|it|~starling-local] "
            "[free|open source|free software|free to use|~free for everyone]?",
            "[licence|license|licence terms|license terms|licensing]?",
            "is commercial use [allowed|permitted|possible|OK|fine]?",
        ),
    ),
)

_GPUS = (
    Answer(
        "Add `--gpu-layers all` to put the whole model on the GPU, or `--gpu-layers auto` to use "
        "what fits.",
        (
            f"<how-to> [use|run on|run it on|run the model on|~make use of] {_GPU}?",
            f"<can-i> [use|run on|run it on|run the model on|run you on|~make use of] {_GPU}?",
            "[use|run on] [my GPU|the GPU|a GPU|the graphics card|GPU|CUDA|~my graphics card]",
            "<how-to> [put|load|move|offload] [the layers|some layers|all layers|the model"
            "|the whole model|the weights] [on|onto|to] [the|my] [GPU|graphics card|video card]?",
            "[GPU|GPU support|GPU layers|gpu|gpu layers|GPU offload]?",
            "does [it|starling|this program|this|~the model] [use|support|run on|work with] "
            "[the GPU|a GPU|my GPU|GPUs|graphics cards|CUDA|Metal|an NVIDIA card]?",
        ),
    ),
    Answer(
        "Run `starling doctor`. It says why the GPU is not found and gives the command that "
        "fixes it.",
        (
            "[my|the] [GPU|graphics card|NVIDIA card|video card] is not "
            "[found|used|detected|seen|working|recognised|being used].",
            "why is [my|the] [GPU|graphics card|NVIDIA card|video card] not "
            "[found|used|detected|seen|working|recognised]?",
            "why [doesn't it|doesn't starling|does it not|does starling not"
            "|doesn't the program] [find|see|use|detect|recognise] [my|the] "
            "[GPU|graphics card|NVIDIA card]?",
            "[it|starling|the program] [doesn't|does not|can't|cannot] "
            "[find|see|use|detect|recognise] [my|the] [GPU|graphics card|NVIDIA card].",
            "[no GPU found|GPU not found|GPU not used|GPU not detected|GPU problem"
            "|GPU not working|no GPU detected]",
            "[it|starling|everything] [only|still|always] [runs on|uses] the "
            "CPU[|, not the GPU|, not my GPU].",
            "what [can I|should I|do I] do if [the|my] GPU is not "
            "[found|used|detected|working|seen]?",
        ),
    ),
    Answer(
        "A GPU is not needed. Everything runs on the CPU too, only more slowly.",
        (
            "do I [need|have to have|~have to buy] [a GPU|a graphics card|an NVIDIA card"
            "|a GPU for this|a video card]?",
            "does [it|starling|this|the program|~the model] [need|require] "
            "[a GPU|a graphics card|an NVIDIA card|a video card]?",
            "does [it|starling|this|the program|the model] [work|run] "
            "[without a GPU|on the CPU|on a CPU|on the CPU alone|without a graphics card"
            "|only on the CPU]?",
            "<can-i> [run|use] [it|starling|the model|this|you] "
            "[without a GPU|on the CPU|on a CPU|without a graphics card|with only a CPU]?",
            "I [have no|don't have a|do not have a] [GPU|graphics card|video card].",
            "is a [GPU|graphics card] [needed|necessary|required|a must]?",
        ),
    ),
)

_CHATTING = (
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
            f"<how-to> [leave|end|quit|exit|close|~get out of] {_CHAT}?",
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
            f"<how-to> [save|keep|store] {_CHAT}?",
            f"<can-i> [save|keep|store] {_CHAT}?",
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
            f"<how-to> {_SHOW} [the tokens|the token ids|the tokens of the chat"
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
            f"<how-to> copy {_ANSWER}[| to the clipboard| from the chat| out of the chat"
            "| into the clipboard]?",
            f"<can-i> copy {_ANSWER}[| to the clipboard| from the chat| out of the chat"
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
            f"<how-to> {_SHOW} [the statistics|statistics|the stats|the tokens per second"
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
            f"<how-to> [stop|interrupt|cancel|abort|cut|halt] {_ANSWER}?",
            f"<can-i> [stop|interrupt|cancel|abort|halt] {_ANSWER}?",
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

_SCRIPTING = (
    Answer(
        "Use `starling ask PROMPT`. It prints only the answer, so a script can read it.",
        (
            "<how-to> [use|call|run] [starling|it|the model|you|this|~the program] [in|from] "
            f"{_SCRIPT}?",
            f"<can-i> [use|call|run] [starling|it|the model|you|this] [in|from] {_SCRIPT}?",
            "<how-to> [ask|put|pose] [one|a single|just one|only one] "
            "[question|prompt][| from a script| from the shell| from the command line"
            "| in a script]?",
            "<how-to> [get|print|have|receive] [one|a single|only the|just the] "
            "answer[| on stdout| in a script| from the shell| without the chat|~ in the shell]?",
            "[use it in a script|use in scripts|scripting|call it from a script|one answer"
            "|use it in shell scripts]",
            "[which|what] command [gives|prints|returns] [one|a single|just one|only the] "
            "answer[| without a chat| for scripts| for a script]?",
            "<how-to> [script|automate] [starling|this|it|the model]?",
        ),
    ),
    Answer(
        "Add `--json`: `starling ask --json PROMPT` prints the answer as one JSON object.",
        (
            "<how-to> [get|print|have|receive|~write] [JSON|JSON output|the answer as JSON"
            "|an answer in JSON|the result as JSON|a JSON object]?",
            "<can-i> [get|print|have|receive|~write] [JSON|JSON output|the answer as JSON"
            "|an answer in JSON|the result as JSON|a JSON object]?",
            "[JSON output|answer as JSON|output as JSON|JSON answers|~answers in JSON]?",
            "[is there|does starling have|does ask have|~have you got] "
            "[JSON output|an option for JSON|a JSON option|a JSON flag]?",
            "[can starling|can it|can ask|does starling|does ask] [print|write|give|~return] "
            "[JSON|the answer as JSON|a JSON object]?",
        ),
    ),
    Answer(
        "Use a pipe: `cat FILE | starling ask PROMPT` joins the standard input to the prompt.",
        (
            "<how-to> [pipe|send] [text|a text|data|something|a file|input|~output] "
            "[into|to|through] [starling|ask|starling ask|the model|it]?",
            "<can-i> [pipe|send] [text|a text|data|something|input|~output] [into|to|through] "
            "[starling|ask|starling ask|the model|it]?",
            "<how-to> [use|read from|read|feed] [stdin|the standard input|standard input]?",
            "does [it|starling|ask|starling ask|~the program] [read|take|accept|use|support] "
            "[stdin|the standard input|standard input|a pipe|pipes]?",
            "[stdin|pipe|standard input|piping|pipes|stdin input]?",
            "<can-i> [use|read|feed] [stdin|the standard input|standard input|a pipe] "
            "[with ask|with starling|in a script]?",
        ),
    ),
    Answer(
        "Add `-f FILE` to `starling ask`. Repeat it for several files.",
        (
            "<how-to> [give|pass|add|attach|hand] [a file|files|several files|two files"
            "|a document] to [starling ask|ask|the ask command|a prompt|~a question]?",
            "<how-to> [ask about|ask something about|ask a question about] "
            "[a file|a text file|several files|two files|a document] "
            "[from a script|in a script|from the shell|on the command line]?",
            "<can-i> [give|pass|add|attach|hand] [a file|files|several files|two files"
            "|a document] to [starling ask|ask|the ask command|a prompt|~a question]?",
            "[file in the prompt|files in a prompt|attach a file|attach files"
            "|add a file to the prompt|attach a document]",
            "does [starling ask|ask|the ask command] [take|read|accept|support] "
            "[files|a file|several files|more than one file|documents]?",
        ),
    ),
    Answer(
        "Use `starling stdio`. It loads the model once and answers JSON requests, one per line.",
        (
            "<how-to> keep the model [loaded|in memory|running|ready][| for many requests"
            "| between requests| for my program| between two calls]?",
            "<can-i> keep the model [loaded|in memory|running|ready][| for many requests"
            "| between requests| for my program| between two calls]?",
            "<how-to> [avoid|stop|prevent|get around] loading the model "
            "[every time|each time|again and again|again for each call|~over and over]?",
            "<how-to> load the model [only once|just once|one time|once][| for many requests"
            "| for several requests| for many calls]?",
            "[is there|does starling have|do you have|~have you got] "
            "[a JSON-RPC mode|a long-lived process|a mode that keeps the model loaded"
            "|a JSON-RPC interface]?",
            "the model is loaded [every time|each time|again for every prompt|again and again"
            "|for each call].",
            "[keep the model loaded|load the model once|JSON-RPC|keep it loaded"
            "|~keep the model in memory]",
        ),
    ),
    Answer(
        "Use `starling batch IN OUT`. It answers all prompts of a JSONL file together.",
        (
            "<how-to> [answer|run|process|work through|handle] "
            "[many|a lot of|hundreds of|a thousand|a list of|a file of|lots of] "
            "[prompts|questions|requests]?",
            "<can-i> [answer|run|process|handle] [many|several|a lot of|hundreds of|lots of] "
            "[prompts|questions|requests] [at once|together|in one run|in parallel"
            "|~at the same time]?",
            "[many|a lot of|hundreds of|several|lots of] [prompts|questions] "
            "[at once|together|in one run|in parallel|~at the same time]",
            "<how-to> [run|start|make|do|launch] [a batch|a batch of prompts|a batch job|batches]?",
            "[batch|batch mode|batch of prompts|batch job|batch processing|~batch run]?",
            "[I have|there are|I've got] [many|a lot of|hundreds of|lots of] "
            "[prompts|questions], [what do I do|how do I run them|how do I answer them]?",
        ),
    ),
    Answer(
        "Exit code 0 means done. Others name the cause: 2 wrong usage, 3 not found, 4 a bad "
        "file, 5 too little memory, 6 a failed download.",
        (
            "[which|what] [exit codes|exit statuses|return codes|~exit values] "
            "[are there|exist|does it have|does starling use|can I get|~are possible]?",
            "what do [the|your|its|starling's] [exit codes|return codes|exit statuses"
            "|~exit values] mean?",
            "[list|explain|show|show me|describe] [the|all|all the|your] "
            "[exit codes|return codes|exit statuses].",
            "[exit codes|return codes|exit statuses|list of exit codes]?",
            "<how-to> [see|check|find out|~tell] in [a|my] script "
            "[if it failed|whether it failed|if it worked|why it failed|if something failed]?",
        ),
    ),
    Answer(
        "Write `from starling_local import Starling`. It has `chat`, `stream` and `tokenize`.",
        (
            "<how-to> [use|call|run] [starling|it|the model|this|you|~the program] "
            "[from|in|with] [Python|Python code|a Python program|my Python code"
            "|~a Python script]?",
            "<can-i> [use|call|run] [starling|it|the model|this|you] [from|in|with] "
            "[Python|Python code|a Python program|my Python code|~a Python script]?",
            "[is there|do you have|does it have|does starling have|~have you got] "
            "[a Python API|a Python interface|a Python module|an API for Python"
            "|a Python library]?",
            "[Python API|Python interface|use from Python|API for Python|Python module"
            "|Python library]?",
            "<how-to> [import|~load] [starling|the model|starling-local|it|this] in "
            "[Python|Python code|my Python code|~a Python file]?",
        ),
    ),
)

_MODELS = (
    Answer(
        "Everything works offline. Only downloading a model needs the internet.",
        (
            "does [it|starling|this|the program|this program|everything|~the model] "
            "[work|run|function] [offline|without internet|without the internet|without a network"
            "|without a connection]?",
            "<can-i> [use|run] [it|starling|this|the program|you|~the model] "
            "[offline|without internet|without the internet|without a network"
            "|without a connection]?",
            "do I need [the internet|a network|an internet connection|to be online|a connection]?",
            "does [it|starling|this|the program|~the model] need "
            "[the internet|a network|an internet connection|to be online|a connection]?",
            "[offline|offline use|without internet|no internet|offline mode]?",
            "are you [offline|online|connected to the internet|running offline|on the internet]?",
            "are my [chats|messages|answers|prompts|conversations] sent to "
            "[the internet|a server|anyone|the cloud|somebody]?",
        ),
    ),
    Answer(
        "Name it with `-m`, for example `starling chat -m starling-7b-alpha:Q4_K_M`, or set "
        "`STARLING_MODEL`.",
        (
            "<how-to> [choose|select|pick|change|switch|set|specify] "
            "[the model|a model|which model is used|models|which model runs]?",
            "<how-to> [use|run|start|take|launch] [another|a different|some other|my own] "
            "[model|GGUF file|GGUF|~GGUF model]?",
            "<can-i> [choose|use|run|select|pick] [another|a different|some other|my own] "
            "[model|GGUF file|GGUF|~GGUF model]?",
            "[choose a model|choose the model|change the model|switch models|use another model"
            "|select a model|pick a model]",
            "<how-to> [tell|~say to] starling which model [to use|to run|to take|~to load]?",
            "[which|what] option [chooses|selects|sets|picks] the model?",
        ),
    ),
    Answer(
        "The default model is `nano`, a small model that comes with the program.",
        (
            "[what is|what's|which is|tell me|do you know|can you tell me|please tell me] the "
            "default model[| of starling| of this program|~ of the program]?",
            "[which|what] model [is|gets] [used|loaded|taken|~run] "
            "[by default|if I name none|when I name none|without -m|if I choose none"
            "|when none is named]?",
            "<explain> [nano|the nano model|`nano`|the model nano|the small nano model]?",
            "[default model|default|nano model|~the default model]?",
            "[which|what] model [comes|ships|is included|is delivered] with "
            "[starling|the program|starling-local|this program|this tool]?",
            "do I [have to|need to|really have to] [choose|name|download|select] a "
            "model[| first| before I chat| to start]?",
        ),
    ),
    Answer(
        "Run `starling models list` to see the models on this machine.",
        (
            "<how-to> [list|see|show|view|display|~look at] [my|the|all|all my] "
            "[models|downloaded models|installed models|stored models|~local models]?",
            "[which|what] [models|downloaded models|installed models] "
            "[do I have|are installed|are here|are on this machine|have I downloaded"
            "|are stored here]?",
            "[list|show|show me|~print] [my|the|all|all my] "
            "[models|downloaded models|installed models|~local models]",
            "[list models|list of models|installed models|models list|my models|~model list]",
            "where [are|can I see|can I find|do I find] [my|the] "
            "[models|downloaded models|installed models|~local models]?",
        ),
    ),
    Answer(
        "Run `starling models show NAME` to see the details of one model.",
        (
            f"<how-to> {_SHOW} [the details|details|information|facts] about "
            "[a|one|a stored|an installed] model?",
            "[show|show me|give me|~print] [the details|details|information|facts] about "
            "[a|one|a stored|one stored|an installed] model",
            "[which|what] command [shows|gives|prints] [the details|details|information|facts] "
            "about [a|one|a stored|an installed] model?",
            "[model details|details of a model|information about a model|model information"
            "|~details about a model]",
        ),
    ),
    Answer(
        "Run `starling models verify NAME`. It computes the sha256 of the files again.",
        (
            "<how-to> [verify|check|test] [a model|my model|a downloaded model|a stored model"
            "|the downloaded files|my download|the files of a model|~a local model]?",
            "<how-to> [see|know|find out|check|~tell] [if|whether] "
            "[a model|my model|a download|the download|a file|a stored model] is "
            "[damaged|broken|corrupt|intact|whole|complete]?",
            "[verify|check] [a model|my model|a download|my download|the model files"
            "|~the downloaded model]",
            "is [my model|the downloaded model|my download|the model file|the download] "
            "[damaged|broken|corrupt|intact|whole|complete]?",
            "[which|what] command [verifies|checks] [a model|my model|the files of a model"
            "|a download|a stored model]?",
            "<how-to> check [the sha256|the hash|the checksum|hashes|checksums] of "
            "[a model|my model|a download|a stored model]?",
        ),
    ),
    Answer(
        "Run `starling models rm NAME` to remove a model and free its disk space.",
        (
            "<how-to> [remove|delete|uninstall|erase|throw away] "
            "[a model|my model|an old model|a downloaded model|models|a stored model"
            "|~a local model]?",
            "<can-i> [remove|delete|uninstall|erase|throw away] "
            "[a model|my model|an old model|a downloaded model|models|a stored model"
            "|~a local model]?",
            "[remove|delete|uninstall|erase] [a model|my model|an old model|models"
            "|a downloaded model|a stored model]",
            "<how-to> [free|get back|win back] [disk space|space on the disk|the disk space]?",
            "[which|what] command [removes|deletes|erases|uninstalls] "
            "[a model|a downloaded model|an old model|a stored model]?",
        ),
    ),
    Answer(
        "Run `starling inspect FILE`. It shows the sizes, types, tokenizer and template of a "
        "GGUF file.",
        (
            "<how-to> [inspect|look into|examine|look inside|explore] "
            "[a GGUF|a GGUF file|my GGUF file|the file|a model file|~my model file]?",
            "<how-to> [see|know|find out|learn|discover] what [is in|is inside] "
            "[a GGUF|a GGUF file|my GGUF file|a model file|~my model file]?",
            "what [is in|is inside|does it say in|is stored in] "
            "[a GGUF file|my GGUF file|this GGUF|a model file|this model file|~my GGUF]?",
            "[inspect|look into|examine|explore] [a GGUF|a GGUF file|a file|my GGUF file"
            "|a model file]",
            "[which|what] command [inspects|examines|looks into|explores] "
            "[a GGUF|a GGUF file|a model file|my GGUF file]?",
            "<how-to> [see|check|verify] the [template|tokenizer|tensor types|metadata"
            "|chat template] [of|in] [a GGUF|a GGUF file|my GGUF file|a model file]?",
        ),
    ),
)

_MACHINE = (
    Answer(
        "Run `starling fit MODEL`. It shows what fits into your memory without loading the model.",
        (
            "[does|will|would|can] [the model|a model|this model|Starling|the 7B model"
            "|~the 11B model] fit[| in my memory| into my memory| in memory| on my GPU"
            "| on this machine| on my laptop]?",
            "<how-to> [see|know|check|find out|learn|~tell] [if|whether] "
            "[the model|a model|Starling|it|this model|~the 7B model] "
            "fits[| in memory| into memory| into my memory|~ on my machine]?",
            "[what|which model] fits [into|in] [my memory|memory|8 GB|16 GB|the memory|~32 GB]?",
            "[does it fit|will it fit|fits in memory|memory fit|what fits|~would it fit]?",
            "is my [memory|RAM|machine|laptop] [large|big|good] enough "
            "[for Starling|for the model|for the 7B model|for this model|~for the 11B model]?",
            "<how-to> [estimate|compute|calculate|~work out] the memory [of|for] "
            "[a model|the model|this model|Starling]?",
        ),
    ),
    Answer(
        "8 GB of memory are enough for the 7B model in Q4_K_M. The 11B model needs more.",
        (
            "how much [memory|RAM|main memory] [do I need|is needed|do I have to have"
            "|is necessary|must I have|is required][| for Starling| for the model"
            "| for the 7B model| for the real model]?",
            "how much [memory|RAM|main memory] does [the model|Starling|the real Starling"
            "|the 7B model|it|~the program] [need|use|take|want|require]?",
            "how many [GB|gigabytes] of [memory|RAM] [do I need|does it need|does Starling need"
            "|are needed|does the 7B model need|~does it take]?",
            "is [8 GB|8 GB of RAM|8 GB of memory|8 gigabytes] "
            "enough[| for Starling| for the model| for the 7B model|~ to run Starling]?",
            "[memory needed|RAM needed|memory needs|needed memory|memory requirements]?",
            "<tell> how much [memory|RAM|main memory] [I need|is needed|Starling needs"
            "|the 7B model needs|is required].",
        ),
    ),
    Answer(
        "Take a smaller type such as `Q4_K_M`, or a shorter context with `--ctx N`.",
        (
            "[I have|there is|I've got|my machine has|my laptop has] "
            "[too little memory|not enough memory|too little RAM|not enough RAM|~little memory].",
            "[it|the model|Starling|the 7B model] [does not|doesn't|will not|won't] fit "
            "[in memory|into memory|into my memory|in my memory|~on my machine].",
            "what [can I|should I|do I] do [if|when] [there is|I have|I've got] "
            "[too little memory|not enough memory|too little RAM|not enough RAM|~little memory]?",
            "what [can I|should I|do I] do [if|when] [the model|it|Starling] "
            "[doesn't fit|does not fit|is too big|is too large|~is too big for me]?",
            "<how-to> [use|get by with|consume] less [memory|RAM]?",
            "[out of memory|too little memory|not enough memory|not enough RAM|too little RAM"
            "|ran out of memory]",
            "it [runs|ran] out of memory.",
        ),
    ),
    Answer(
        "Add `--threads N` to say how many CPU threads work.",
        (
            "<how-to> [set|change|choose|limit|specify] [the|the number of] "
            "[threads|CPU threads|worker threads]?",
            "<how-to> use [more|fewer|all|only two|four|~eight] "
            "[threads|cores|CPU cores|CPU threads]?",
            "<can-i> [set|change|choose|limit|specify] the number of "
            "[threads|CPU threads|cores|worker threads]?",
            "how many [threads|cores|CPU threads|CPU cores] "
            "[does it use|are used|does starling use|should I use|~will it use]?",
            "[threads|number of threads|CPU threads|set the threads|CPU cores|number of cores]?",
        ),
    ),
    Answer(
        "Add `--ctx N` to set the context length, in tokens.",
        (
            "<how-to> [set|change|choose|increase|raise|specify] the "
            "[context length|context size|length of the context|size of the context"
            "|~context window size]?",
            "<can-i> [set|change|choose|increase|raise|specify] the "
            "[context length|context size|length of the context|size of the context"
            "|~context window size]?",
            "<how-to> [get|have|use|receive] a [longer|bigger|larger|shorter|smaller] context?",
            "<how-to> make the context [longer|bigger|larger|shorter|~smaller]?",
            "[context length|context size|set the context length|longer context|bigger context"
            "|set the context size|~larger context]",
            "[which|what] option [sets|changes|chooses] the "
            "[context length|context size|length of the context]?",
        ),
    ),
    Answer(
        "Type `/set` in the chat to change the temperature. The default is 0.",
        (
            "<how-to> [set|change|raise|increase|lower|choose|adjust] the "
            "temperature[| in the chat| of the model| of the answers|~ of your answers]?",
            "<can-i> [set|change|raise|increase|lower|choose|adjust] the "
            "temperature[| in the chat| of the model| of the answers|~ of your answers]?",
            "[what|which] temperature [is used|do you use|does it use|is the default"
            "|~are you using]?",
            "[set|change|raise|lower|adjust] the temperature",
            "<how-to> make [you|the model|your answers|the answers|answers] "
            "[more random|more varied|more creative|less random|more surprising]?",
            "[what is|what's|tell me|~do you know] the default temperature?",
        ),
    ),
    Answer(
        "The same seed gives the same text. At temperature 0 the answer is the same every time.",
        (
            "<explain> [a seed|the seed|a random seed|the random seed]?",
            "what [does the seed do|is the seed for|does a seed do|is a seed for"
            "|is the seed good for|does the random seed do]?",
            "<how-to> [get|have|receive] the same [answer|text|reply|response] "
            "[every time|twice|each time|~all the time]?",
            "do I [always |]get the same [answer|text|reply|response] "
            "[every time|twice|each time|~all the time]?",
            "are [the|your] [answers|replies] [always the same|reproducible|repeatable|random"
            "|deterministic]?",
            "[seed|random seed|same seed|same answer every time|reproducible answers"
            "|repeatable answers]?",
            "<how-to> make [the answers|your answers|the text|answers] "
            "[reproducible|repeatable|deterministic]?",
        ),
    ),
    Answer(
        "Run `starling bench`. It measures the speed, the start-up and the memory use.",
        (
            "<how-to> [measure|test|benchmark|check|~time] "
            "[the speed|the speed of a model|how fast it is|my machine's speed"
            "|how fast my machine is|the model's speed]?",
            "how fast is [my machine|this machine|my laptop|my computer|the model|this computer"
            "|my PC]?",
            "<can-i> [measure|test|benchmark|check|~time] [the speed|the speed of a model"
            "|how fast it is|my machine|the model's speed]?",
            "[benchmark|speed test|measure the speed|benchmarks|run a benchmark|~test the speed]",
            "[which|what] command [measures|tests|benchmarks|checks] "
            "[the speed|speed|how fast it is|the model's speed]?",
            "<how-to> [run|start|make|do|launch] a [benchmark|speed test]?",
        ),
    ),
    Answer(
        "Run `starling tune`. It finds the fastest settings for your machine, and later runs use "
        "them.",
        (
            "<how-to> make [it|starling|the model|the answers|everything] "
            "[faster|quicker|run faster|work faster]?",
            "<how-to> [speed up|tune|optimise|optimize|accelerate] "
            "[it|starling|the model|the answers|the program|~everything]?",
            "[it|starling|the model|the answer|everything] is "
            "[too slow|very slow|so slow|slow|rather slow].",
            "why [is it|are you|is starling|is the model] so slow?",
            "<how-to> [find|get|choose|discover] the [best|fastest|right] "
            "settings[| for my machine| for my laptop| for my computer| for my PC]?",
            "[make it faster|faster answers|speed it up|tune|best settings|fastest settings"
            "|tuning]",
        ),
    ),
    Answer(
        "Run `starling quality FILE --reference FILE`. It compares a quantised file with the "
        "original.",
        (
            "<how-to> [measure|check|test|judge] the quality "
            "[of a quantised file|of a GGUF|of a quantised model|of a GGUF file|of a quantisation"
            "|~of my quantised model]?",
            "how [much|much of the] quality [is lost|does quantisation lose|do I lose|gets lost"
            "|does a quantised file lose|is lost by quantisation]?",
            "how good is [a|my|the] [quantised file|quantised model|quantized model"
            "|quantised GGUF|~quantisation]?",
            "<how-to> compare [a quantised file|a quantised model|a GGUF file|a GGUF"
            "|~a quantisation] [with|to] [the original|the source|a reference|the full model]?",
            "<how-to> [measure|compute|get|~calculate] [perplexity|the perplexity"
            "|the KL divergence|KL divergence]?",
            "[measure quality|quality check|quality of a GGUF|perplexity|KL divergence"
            "|quality loss|~check the quality]",
        ),
    ),
    Answer(
        "Run `starling --version` to see the version.",
        (
            "[which|what] version [is this|is it|do I have|of starling is this|am I using"
            "|is installed|of starling do I have|~am I running]?",
            f"<how-to> {_SHOW} the version[| of starling| of the program| of this program"
            "| of this tool]?",
            "<what-is> the version[| of starling| of the program| of this program"
            "| of starling-local| of this tool]?",
            "[version|starling version|version number|program version|~the version]?",
            "how [new|old] is [this version|my version|~the version]?",
        ),
    ),
    Answer(
        "Run `starling --help` for all commands, or `starling COMMAND --help` for one of them.",
        (
            "[which|what] commands does [starling|the program|this program|starling-local"
            "|this tool] [have|know|offer|provide]?",
            "<how-to> [see|list|show|find|~look up] [the|all] "
            "[commands of starling|starling commands|commands of the program|options of a command"
            "|options of starling]?",
            "where [can I|do I] [find|get|see|~look for] [help|the help|the manual|instructions"
            "|the documentation|~the help text]?",
            "<how-to> [get|find|read|receive] [help|the help|more help|~the help text] "
            "[on|for|with] [starling|the program|a command|an option|this tool]?",
            "[list|show|show me|~print] [the|all|all the] [commands of starling|starling commands"
            "|commands of the program|options of a command].",
            "[help with starling|help with the program|starling help|starling commands"
            "|all starling commands|~help for starling]",
            "<how-to> use [starling|this program|the program|starling-local|this tool]?",
        ),
    ),
)

_KNOWLEDGE = (
    Answer(
        "starling-local runs the Starling chat models on your own machine, in a chat or from "
        "scripts.",
        (
            f"<explain> {_PROGRAM}?",
            f"what [can|does] {_PROGRAM} do?",
            f"what is {_PROGRAM} [for|good for|made for|about|useful for]?",
            f"why [should|would|do] I [use|want|need] {_PROGRAM}?",
            f"what can I do with {_PROGRAM}?",
            f"[introduce|present|summarise] {_PROGRAM}.",
            f"<tell> what {_PROGRAM} [does|is|can do|is for].",
        ),
    ),
    Answer(
        "GGUF is the file format of llama.cpp. One file holds the weights and the tokenizer of a "
        "model.",
        (
            "<explain> [GGUF|a GGUF|a GGUF file|the GGUF format|~GGUF files]?",
            "what does [GGUF|the name GGUF|the word GGUF] mean?",
            "what [kind of|sort of] [file|format|thing] is [GGUF|a GGUF|~a GGUF file]?",
            "why do I need [GGUF|a GGUF|a GGUF file|~GGUF files]?",
            "<tell> what [GGUF|a GGUF|a GGUF file|the GGUF format] is.",
            "I [don't know|do not know|don't understand|have no idea] what "
            "[GGUF|a GGUF|a GGUF file|the GGUF format] is.",
            "[GGUF|GGUF format|GGUF file|the GGUF format]?",
            "what are [GGUF files|GGUFs][| for| good for| used for| useful for]?",
        ),
    ),
    Answer(
        "llama.cpp is a library that runs language models on CPUs and GPUs. This program uses it.",
        (
            "<explain> [llama.cpp|the llama.cpp library|the llama.cpp project]?",
            "what is llama.cpp [for|good for|used for|useful for]?",
            "[does|why does] [it|starling|this program|the program|this tool] "
            "[use|need|rely on] llama.cpp?",
            "[which|what] [library|engine|software] [runs|loads|executes] "
            "[the model|the models|Starling]?",
            "what does llama.cpp [do|do for this program|do in this program|~do here]?",
            "<tell> what llama.cpp [is|does|is for|is good for].",
            "[llama.cpp|about llama.cpp|the llama.cpp library]?",
            "[which|what] [library|engine] does [starling|the program|this program|this tool] "
            "[use|run on|rely on]?",
        ),
    ),
    Answer(
        "Starling is an open chat model. It was trained from OpenChat 3.5 with feedback from an "
        "AI.",
        (
            "<explain> [Starling|the Starling model|the real Starling|Starling-LM-7B-alpha"
            "|Starling 7B|~Starling-LM|~the Starling models]?",
            "what [kind of|sort of] model is [Starling|the real Starling|Starling-LM-7B-alpha"
            "|Starling 7B|~Starling-LM]?",
            "how was [Starling|the real Starling|Starling-LM-7B-alpha|Starling 7B|~Starling-LM] "
            "[trained|made|built|created]?",
            "what is [Starling|Starling-LM-7B-alpha|Starling 7B|~Starling-LM] "
            "[based on|trained from|made from|~built on]?",
            "[about Starling|about the Starling model|the Starling model|the Starling models"
            "|~about Starling-LM]",
            "<tell> what [Starling|the Starling model|Starling-LM-7B-alpha|Starling 7B"
            "|~Starling-LM] is.",
            "I [don't know|do not know|don't understand|have no idea] what "
            "[Starling|the Starling model|Starling-LM-7B-alpha|Starling 7B|~Starling-LM] is.",
        ),
    ),
    Answer(
        "Starling-LM-7B-alpha was made by Banghua Zhu, Evan Frick, Tianhao Wu, Hanlin Zhu and "
        "Jiantao Jiao.",
        (
            "who [made|created|built|developed|trained|wrote|published|invented] "
            "[Starling|the real Starling|the Starling model|Starling-LM-7B-alpha|Starling 7B"
            "|~Starling-LM]?",
            "who [is behind|are the makers of|are the authors of|are the people behind"
            "|is the team behind] [Starling|the real Starling|the Starling model"
            "|Starling-LM-7B-alpha|~Starling-LM]?",
            "<tell> who [made|created|built|developed|trained|invented] "
            "[Starling|the real Starling|the Starling model|Starling-LM-7B-alpha|~Starling-LM]?",
            "[authors|makers|developers|creators] of [Starling|the Starling model"
            "|Starling-LM-7B-alpha]?",
            "by whom was [Starling|the real Starling|the Starling model|~Starling-LM] "
            "[made|created|built|developed|trained]?",
        ),
    ),
    Answer(
        "The 11B model has 48 layers instead of 32 and a longer context. It needs more memory "
        "and is slower.",
        (
            "[what is|what's|explain|tell me|describe] the difference between "
            "[7B and 11B|the 7B and the 11B|the 7B and the 11B model|Starling 7B and 11B"
            "|11B and 7B|~the 11B and the 7B]?",
            "how [is the 11B|is the 11B model|is 11B] different from "
            "[the 7B|the 7B model|7B|~Starling 7B]?",
            "[7B or 11B|11B or 7B|7B versus 11B|the 7B or the 11B|7B vs 11B|11B versus 7B]?",
            "should I [take|use|choose|get|pick] [7B or 11B|the 7B or the 11B|11B or 7B"
            "|the 7B or the 11B model|~the 11B or the 7B]?",
            "<explain> [the 11B model|Starling 11B|the 11B|Starling-LM-11B-alpha"
            "|~the bigger 11B model]?",
            "is [the 11B|the 11B model|Starling 11B|11B] [better|bigger|slower|larger|stronger] "
            "[than the 7B|than the 7B model|than Starling 7B|than 7B]?",
            "<tell> how [the 11B|the 11B model|Starling 11B] differs from "
            "[the 7B|the 7B model|~Starling 7B].",
        ),
    ),
    Answer(
        "OpenChat 3.5 is a chat model based on Mistral 7B. Starling was trained from it.",
        (
            "<explain> [OpenChat|OpenChat 3.5|the OpenChat model|~the OpenChat models]?",
            "what [kind of|sort of] model is [OpenChat|OpenChat 3.5|~the OpenChat model]?",
            "what does [OpenChat|OpenChat 3.5] have to do with Starling?",
            "[how are|are] [OpenChat and Starling|Starling and OpenChat|OpenChat 3.5 and Starling"
            "|~Starling and OpenChat 3.5] related?",
            "[OpenChat|OpenChat 3.5|about OpenChat|~the OpenChat model]?",
            "<tell> what [OpenChat|OpenChat 3.5|the OpenChat model] is.",
            "I [don't know|do not know|don't understand|have no idea] what "
            "[OpenChat|OpenChat 3.5|the OpenChat model] is.",
            "what is [OpenChat|OpenChat 3.5|~the OpenChat model] "
            "[based on|made from|trained from|~built on]?",
        ),
    ),
    Answer(
        "A token is a short piece of text, such as a word or a part of a word. Models read and "
        "write tokens.",
        (
            "<explain> [a token|one token|the word token|~a text token]?",
            "what does [token|the word token|a token] mean?",
            "what are tokens[| in a language model| for a model| in this program|~ for you]?",
            "[how long|how big|~how large] is [a token|one token]?",
            "is a token [a word|a letter|a character|the same as a word|one word"
            "|~the same as a letter]?",
            "why do [models|you|language models|chat models] use tokens?",
            "<tell> what [a token is|tokens are|one token is|the word token means|~token means].",
            "I [don't know|do not know|don't understand|have no idea] what "
            "[a token is|tokens are|one token is|the word token means|~token means].",
        ),
    ),
    Answer(
        "A checkpoint is a folder with the weights of a trained model, its settings and its "
        "tokenizer.",
        (
            "<explain> [a checkpoint|the checkpoint|checkpoints|a model checkpoint"
            "|a safetensors checkpoint]?",
            "what does [checkpoint|the word checkpoint|a checkpoint] mean?",
            "what [is in|is inside|belongs to|is part of] "
            "[a checkpoint|the checkpoint|a model checkpoint|a checkpoint folder]?",
            "what are checkpoints[| for| in this program|~ good for]?",
            "<tell> what [a checkpoint is|checkpoints are|the word checkpoint means"
            "|~checkpoint means].",
            "I [don't know|do not know|don't understand|have no idea] what "
            "[a checkpoint is|checkpoints are|the word checkpoint means|~checkpoint means].",
            "[what|which] files [are in|belong to|does one need in|make up|are part of] "
            "[a checkpoint|the checkpoint|a checkpoint folder|a model checkpoint]?",
        ),
    ),
    Answer(
        "The context is all the text that the model can see at once. Its length is counted in "
        "tokens.",
        (
            "<explain> [the context|context|a context|the context window|a context window"
            "|~the context of a model]?",
            "what does [context|the word context|context window|the context] mean?",
            "what is [the context|a context|the context window] [for|good for|made of|useful for]?",
            "what [is in|belongs to|is part of|goes into] [the context|the context window]?",
            "what does the model [see|keep|~have] in [the|its] context?",
            "<tell> what [the context is|a context is|the context window is|~context means].",
            "I [don't know|do not know|don't understand|have no idea] what "
            "[the context is|a context is|the context window is|~context means].",
        ),
    ),
    Answer(
        "The temperature says how freely the next token is chosen. At 0 it is always the "
        "likeliest one.",
        (
            "<explain> [temperature|the temperature of a model|the temperature of the model"
            "|the temperature setting|sampling temperature|the sampling temperature]?",
            "what does [temperature|the temperature|the temperature setting|temperature 0"
            "|the sampling temperature] mean?",
            "what does [the temperature|temperature|temperature 0|the temperature setting"
            "|the sampling temperature] do?",
            "what is [the temperature|temperature|the temperature setting] "
            "[for|good for|used for|useful for]?",
            "how does [the temperature|temperature|the temperature setting] "
            "[work|change the answers|change the text|influence the answers]?",
            "<tell> what [the temperature|temperature|the temperature setting"
            "|the sampling temperature] [is|means|does].",
            "I [don't know|do not know|don't understand|have no idea] what "
            "[the temperature|temperature|the temperature setting] [is|means|does].",
        ),
    ),
)

ANSWERS: tuple[Answer, ...] = (
    *_CONVERTING,
    *_DOWNLOADING,
    *_GPUS,
    *_CHATTING,
    *_SCRIPTING,
    *_MODELS,
    *_MACHINE,
    *_KNOWLEDGE,
)
"""All answers without a slot; no two have the same reply or a question in common."""


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
