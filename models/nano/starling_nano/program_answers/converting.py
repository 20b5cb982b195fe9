"""Converting and downloading models, and the GPU."""

from __future__ import annotations

from starling_nano.conversation import Answer
from starling_nano.program_answers.words import CHECKPOINT, GPU, QUANTISATION

CONVERTING = (
    Answer(
        "Run `starling convert FOLDER -q Q4_K_M`, where FOLDER holds the safetensors checkpoint.",
        (
            f"<how-to> [convert|quantise|quantize] {CHECKPOINT}?",
            f"<how-to> [turn|convert|transform] {CHECKPOINT} [into|to] "
            "[GGUF|a GGUF file|a GGUF|Q4|~Q5]?",
            "[how do I|how can I|how to] [make|create|get|write|produce|~build] "
            "[a GGUF file|a GGUF|GGUF files|a quantised file|a Q4 file] from [a|the|my] "
            "[checkpoint|safetensors files|safetensors folder|safetensors]?",
            "[convert|quantise|quantize] [a checkpoint|my checkpoint|the model|a model"
            "|safetensors|safetensors to GGUF|a safetensors model]",
            "[I want to|I would like to|I need to|help me|help me to|I am trying to] "
            f"[convert|quantise|quantize] {CHECKPOINT}.",
            "[which|what] command [converts|quantises|quantizes|~is there to convert] "
            f"{CHECKPOINT}?",
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
            f"which {QUANTISATION} [should I|do I|shall I] [take|use|choose|pick|~go for]?",
            "which [type|file type|quant|GGUF type|format] [should I|do I|shall I] "
            "[take|use|choose|pick|select]?",
            f"[what|which] {QUANTISATION} is [best|good|right|the best|better|~the right one]["
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

DOWNLOADING = (
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
            "[download size|size of the download|download time|size of the checkpoint]",
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

GPUS = (
    Answer(
        "Add `--gpu-layers all` to put the whole model on the GPU, or `--gpu-layers auto` to use "
        "what fits.",
        (
            f"<how-to> [use|run on|run it on|run the model on|~make use of] {GPU}?",
            f"<can-i> [use|run on|run it on|run the model on|run you on|~make use of] {GPU}?",
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
