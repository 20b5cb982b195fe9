#!/usr/bin/env bash
# Asks several questions of one process, and prints each answer when it is there: bash and jq.
#
#   stdio.sh [MODEL] < questions.txt
set -euo pipefail

# The process, with its input at descriptor ${starling[1]} and its output at ${starling[0]}.
coproc starling { exec starling stdio --model "${1:-nano}"; }
process=$starling_PID

# The first line says that the model is loaded, or there is none and the process says why.
read -r ready <&"${starling[0]}" || { wait "$process"; exit; }
jq -r '.params | "\(.model): \(.parallel) answers at once"' <<<"$ready" >&2

# One request a line: its number is the id.
jq -cR '{jsonrpc: "2.0", id: input_line_number, method: "chat.completions.create",
         params: {messages: [{role: "user", content: .}], max_tokens: 100}}' >&"${starling[1]}"

# The end of the input: the process answers what it was asked, and ends.
exec {starling[1]}>&-

jq -r 'if .error then "\(.id)\terror: \(.error.message)"
       else "\(.id)\t\(.result.choices[0].message.content | gsub("\n"; " "))" end' <&"${starling[0]}"
wait "$process"
