"""Scripts, and the models that can be run."""

from __future__ import annotations

from starling_nano.conversation import Answer
from starling_nano.program_answers.words import SCRIPT, SHOW

SCRIPTING = (
    Answer(
        "Use `starling ask PROMPT`. It prints only the answer, so a script can read it.",
        (
            "<how-to> [use|call|run] [starling|it|the model|you|this|~the program] [in|from] "
            f"{SCRIPT}?",
            f"<can-i> [use|call|run] [starling|it|the model|you|this] [in|from] {SCRIPT}?",
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

MODELS = (
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
            f"<how-to> {SHOW} [the details|details|information|facts] about "
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
