"""What the words of this field mean."""

from __future__ import annotations

from starling_nano.conversation import Answer
from starling_nano.program_answers.words import PROGRAM

KNOWLEDGE = (
    Answer(
        "starling-local runs the Starling chat models on your own machine, in a chat or from "
        "scripts.",
        (
            f"<explain> {PROGRAM}?",
            f"what [can|does] {PROGRAM} do?",
            f"what is {PROGRAM} [for|good for|made for|about|useful for]?",
            f"why [should|would|do] I [use|want|need] {PROGRAM}?",
            f"what can I do with {PROGRAM}?",
            f"[introduce|present|summarise] {PROGRAM}.",
            f"<tell> what {PROGRAM} [does|is|can do|is for].",
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
