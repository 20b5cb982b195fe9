"""The machine, its speed and its memory."""

from __future__ import annotations

from starling_nano.conversation import Answer
from starling_nano.program_answers.words import SHOW

MACHINE = (
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
            f"<how-to> {SHOW} the version[| of starling| of the program| of this program"
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
