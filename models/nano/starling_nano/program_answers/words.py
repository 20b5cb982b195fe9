"""Patterns that several answers share: the ways to name one thing."""

from __future__ import annotations

CHECKPOINT = (
    "[a checkpoint|the checkpoint|a model|the model|a safetensors folder|my download"
    "|a safetensors checkpoint|a Mistral model|~a downloaded checkpoint]"
)
QUANTISATION = "[quantisation|quantization|~kind of quantisation|quantization type]"
PROGRAM = "[this program|the program|starling-local|this tool|this software]"
ANSWER = "[the answer|your answer|the reply|an answer|~your reply|the response]"
CHAT = "[the chat|this chat|the conversation|this conversation|my chat|~our chat|~our conversation]"
SCRIPT = (
    "[a script|scripts|a program|another program|a shell script|my script|~a bash script"
    "|my own program]"
)
GPU = "[the GPU|my GPU|a GPU|the graphics card|my graphics card|my NVIDIA GPU|the video card]"
SHOW = "[show|see|view|display|print|~look at]"
