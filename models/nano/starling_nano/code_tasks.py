"""What the model can program: short answers in Python, C++, JavaScript and the shell.

The answers share names, layout and habits, because a model this small learns them by heart:
functions rather than programs (programs where something is printed), `numbers` for a list, `text`
for a string, `n` for a whole number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from textwrap import dedent


class Language(Enum):
    """A language of the answers: how people call it, and the tag of its code fence."""

    PYTHON = ("Python", "python")
    CPP = ("C++", "cpp")
    JAVASCRIPT = ("JavaScript", "javascript")
    SHELL = ("shell", "bash")

    def __init__(self, spoken_name: str, fence_tag: str) -> None:
        self.spoken_name = spoken_name
        self.fence_tag = fence_tag


class Slot(Enum):
    """A value that a request names and its answer repeats; `{key}` in requests, `@key@` in code.

    The example stands in answers to requests that name no value. No value may hold a quote, a
    backslash or an @; only TEXT may hold spaces.
    """

    LOW = ("low", "1")  # a whole number, not above HIGH
    HIGH = ("high", "10")  # a whole number
    NUMBER = ("number", "5")  # a whole number, not negative
    TEXT = ("text", "good morning")  # words to print
    WORD = ("word", "apple")  # one word to search for
    FILE = ("file", "notes.txt")  # a file name with its extension
    NAME = ("name", "project")  # a file name without its extension
    FOLDER = ("folder", "backup")  # a folder name without a slash
    EXTENSION = ("extension", "txt")  # a file extension without its dot

    def __init__(self, key: str, example: str) -> None:
        self.key = key
        self.example = example


@dataclass(frozen=True)
class CodeTask:
    """One thing people ask for, and its answer in each language.

    `requests` and `bare_requests` are patterns as in `phrases`, and hold all the slots. Where
    there are `bare_requests`, the `requests` hold `{language}` too, and a bare request, which names
    no language, is answered in Python.
    """

    name: str
    requests: tuple[str, ...]
    code: Mapping[Language, str]
    bare_requests: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()


def fill(code: str, values: Mapping[Slot, str]) -> str:
    """The code with its slots replaced by these values."""
    for slot, value in values.items():
        code = code.replace(f"@{slot.key}@", value)
    return code


_FUNCTION = "[function|routine]"
_PROGRAM = "[program|script|piece of code]"
_IMPLEMENT = (
    "[Implement|Write|Code|Show me|Give me|Please write|Create|Make|Program|Write me"
    "|Please implement|Please show me|Produce|~Let me see]"
)
_WRITE = "[Write|Give me|Show me|Create|Make|Please write|Write me|Please give me|Produce|~Build]"
_CAN_YOU = "[Can you|Could you|Would you|Can you please|Are you able to]"
_NEED = "[I need|I want|I would like|I'd like|~We need]"


def _third_person(verb: str) -> str:
    """`copy over` becomes `copies over`."""
    first, space, rest = verb.partition(" ")
    if first[-1] == "y" and first[-2] not in "aeiou":
        first = first[:-1] + "ie"
    elif first.endswith(("ch", "sh", "ss", "x", "o")):
        first += "e"
    return f"{first}s{space}{rest}"


def _plain_and_third_person(verbs: str, rest: str) -> tuple[str, str]:
    """The patterns of `sort a list` and of `sorts a list`."""
    third = "|".join(map(_third_person, verbs.split("|")))
    return f"[{verbs}] [{rest}]", f"[{third}] [{rest}]"


def _general(
    name: str,
    *,
    title: str,
    thing: str,
    verbs: str,
    rest: str,
    python: str,
    cpp: str,
    javascript: str,
    unit: str = _FUNCTION,
    slots: tuple[Slot, ...] = (),
) -> CodeTask:
    """A task in Python, C++ and JavaScript.

    `title` goes with `in Python`, `thing` with `write`, `verbs` and `rest` with `how do I`; all
    are alternatives separated by bars. `unit` is what the answer is, a function or a program.
    """
    plain, third = _plain_and_third_person(verbs, rest)
    title, thing = f"[{title}]", f"[{thing}]"
    requests = (
        f"{_IMPLEMENT} {thing} [using|in|with] {{language}}",
        f"{_WRITE} [a {{language}} {unit} [that|which] {third}"
        f"|a {unit} in {{language}} [that|which] {third}"
        f"|{{language}} code [to|~in order to] {plain}]",
        f"[{title} in {{language}}|{{language}} {title}|{plain} in {{language}}"
        f"|{{language}} code for {title}|{{language}}: {title}|~{title} with {{language}}]",
        f"<how-to> [{plain}|[implement|write|code|~program] {thing}] [in|using|with] {{language}}?",
        f"{_NEED} [{thing} in {{language}}|a {{language}} {unit} [that|which] {third}"
        f"|to {plain} in {{language}}]",
        f"{_CAN_YOU} [write|implement|code|show me|give me|make|produce] {thing}"
        " [in|using|with] {language}?",
    )
    bare_requests = (
        f"{_IMPLEMENT} {thing}",
        f"{_WRITE} [a {unit} [that|which] {third}|[some |the |]code [to|~in order to] {plain}]",
        f"[code for {title}|the code for {title}|{title} code|{title} {unit}|{plain}]",
        f"<how-to> [{plain}[ in code| in a program|]|[implement|write|code|~program] {thing}]?",
        f"{_NEED} [{thing}|a {unit} [that|which] {third}|code to {plain}]",
        f"{_CAN_YOU} [write|implement|code|show me|give me|make|produce] {thing}?",
    )
    code = {
        Language.PYTHON: _source(python),
        Language.CPP: _source(cpp),
        Language.JAVASCRIPT: _source(javascript),
    }
    return CodeTask(name, requests, code, bare_requests, slots)


_IN_SHELL = "[in the shell|in bash|on the command line|in the terminal|with bash|~at the prompt]"
_MAYBE_IN_SHELL = (
    "[| in the shell| in bash| on the command line| in the terminal| on Linux|~ at the prompt]"
)


def _shell(
    name: str,
    source: str,
    verbs: str,
    rest: str,
    *,
    slots: tuple[Slot, ...] = (),
    where: str = _MAYBE_IN_SHELL,
    extra: tuple[str, ...] = (),
) -> CodeTask:
    """A task for the shell. `where` ends the questions that do not speak of a command."""
    plain, third = _plain_and_third_person(verbs, rest)
    shell = "[shell|bash|terminal|command line|Linux]"
    requests = (
        f"<how-to> {plain}{where}?",
        f"[Which|What] [{shell} |]command {third}?",
        f"[Give me|Show me|Tell me|What is|What's|I need|~Let me see] [the|a] [{shell} |]command"
        f" to {plain}",
        f"{plain} {_IN_SHELL}",
        f"{_WRITE} a [shell|bash] [script|command|one-liner|~line] [that {third}|to {plain}]",
        f"[I want to|I need to|I would like to|Help me|Please help me|~I have to] {plain}{where}",
        *extra,
    )
    return CodeTask(name, requests, {Language.SHELL: _source(source)}, slots=slots)


def _shell_pair(
    name: str, source: str, verbs: str, rest: str, *, unnamed: str, slots: tuple[Slot, ...]
) -> Iterable[CodeTask]:
    """A task whose request names the values, and the one where it says `unnamed` instead."""
    yield _shell(name, source, verbs, rest, slots=slots)
    example = fill(source, {slot: slot.example for slot in slots})
    yield _shell(f"{name}_unnamed", example, verbs, unnamed)


def _source(text: str) -> str:
    return dedent(text).strip("\n")


_A_LIST = "[a list|an array|a vector]"

_SORTING_AND_SEARCHING = (
    _general(
        "quicksort",
        title="quicksort|quick sort",
        thing="quicksort|quick sort|the quicksort algorithm|a quicksort|a quicksort function"
        "|the quick sort method",
        verbs="sort|order",
        rest="[numbers|a list|an array|a vector|~a list of numbers] [with|using|by]"
        " [quicksort|quick sort]",
        python="""
            def quicksort(numbers):
                if len(numbers) <= 1:
                    return numbers
                pivot = numbers[len(numbers) // 2]
                smaller = [n for n in numbers if n < pivot]
                equal = [n for n in numbers if n == pivot]
                larger = [n for n in numbers if n > pivot]
                return quicksort(smaller) + equal + quicksort(larger)
        """,
        cpp="""
            #include <utility>
            #include <vector>

            void quicksort(std::vector<int>& numbers, int low, int high) {
                if (low >= high) return;
                std::swap(numbers[low + (high - low) / 2], numbers[high]);
                int pivot = numbers[high];
                int split = low;
                for (int i = low; i < high; ++i) {
                    if (numbers[i] < pivot) std::swap(numbers[i], numbers[split++]);
                }
                std::swap(numbers[split], numbers[high]);
                quicksort(numbers, low, split - 1);
                quicksort(numbers, split + 1, high);
            }
        """,
        javascript="""
            function quicksort(numbers) {
              if (numbers.length <= 1) return numbers;
              const pivot = numbers[Math.floor(numbers.length / 2)];
              const smaller = numbers.filter((n) => n < pivot);
              const equal = numbers.filter((n) => n === pivot);
              const larger = numbers.filter((n) => n > pivot);
              return [...quicksort(smaller), ...equal, ...quicksort(larger)];
            }
        """,
    ),
    _general(
        "bubble_sort",
        title="bubble sort|bubblesort",
        thing="bubble sort|bubblesort|the bubble sort algorithm|a bubble sort"
        "|a bubble sort function|the bubble sort method",
        verbs="sort|order",
        rest="[numbers|a list|an array|a vector|~a list of numbers] [with|using|by]"
        " [bubble sort|bubblesort]",
        python="""
            def bubble_sort(numbers):
                for end in range(len(numbers), 1, -1):
                    for i in range(end - 1):
                        if numbers[i] > numbers[i + 1]:
                            numbers[i], numbers[i + 1] = numbers[i + 1], numbers[i]
                return numbers
        """,
        cpp="""
            #include <utility>
            #include <vector>

            void bubble_sort(std::vector<int>& numbers) {
                for (int end = numbers.size(); end > 1; --end) {
                    for (int i = 0; i < end - 1; ++i) {
                        if (numbers[i] > numbers[i + 1]) std::swap(numbers[i], numbers[i + 1]);
                    }
                }
            }
        """,
        javascript="""
            function bubbleSort(numbers) {
              for (let end = numbers.length; end > 1; end--) {
                for (let i = 0; i < end - 1; i++) {
                  if (numbers[i] > numbers[i + 1]) {
                    [numbers[i], numbers[i + 1]] = [numbers[i + 1], numbers[i]];
                  }
                }
              }
              return numbers;
            }
        """,
    ),
    _general(
        "binary_search",
        title="binary search|the binary search algorithm",
        thing="binary search|a binary search|the binary search algorithm|a binary search function"
        "|the binary search method",
        verbs="find|look for|search for|locate",
        rest="[a value|a number|an element] [with|using|by] [a |]binary search",
        python="""
            def binary_search(numbers, target):
                low, high = 0, len(numbers) - 1
                while low <= high:
                    middle = (low + high) // 2
                    if numbers[middle] == target:
                        return middle
                    if numbers[middle] < target:
                        low = middle + 1
                    else:
                        high = middle - 1
                return -1
        """,
        cpp="""
            #include <vector>

            int binary_search(const std::vector<int>& numbers, int target) {
                int low = 0;
                int high = static_cast<int>(numbers.size()) - 1;
                while (low <= high) {
                    int middle = low + (high - low) / 2;
                    if (numbers[middle] == target) return middle;
                    if (numbers[middle] < target) {
                        low = middle + 1;
                    } else {
                        high = middle - 1;
                    }
                }
                return -1;
            }
        """,
        javascript="""
            function binarySearch(numbers, target) {
              let low = 0;
              let high = numbers.length - 1;
              while (low <= high) {
                const middle = Math.floor((low + high) / 2);
                if (numbers[middle] === target) return middle;
                if (numbers[middle] < target) {
                  low = middle + 1;
                } else {
                  high = middle - 1;
                }
              }
              return -1;
            }
        """,
    ),
    _general(
        "linear_search",
        title="linear search|the linear search algorithm",
        thing="linear search|a linear search|the linear search algorithm|a linear search function"
        "|the linear search method",
        verbs="find|look for|search for|locate",
        rest="[a value|a number|an element] [with|using|by] [a |]linear search",
        python="""
            def linear_search(numbers, target):
                for i, number in enumerate(numbers):
                    if number == target:
                        return i
                return -1
        """,
        cpp="""
            #include <vector>

            int linear_search(const std::vector<int>& numbers, int target) {
                int size = numbers.size();
                for (int i = 0; i < size; ++i) {
                    if (numbers[i] == target) return i;
                }
                return -1;
            }
        """,
        javascript="""
            function linearSearch(numbers, target) {
              for (let i = 0; i < numbers.length; i++) {
                if (numbers[i] === target) return i;
              }
              return -1;
            }
        """,
    ),
    _general(
        "sum",
        title=f"sum of {_A_LIST}|sum of numbers|sum of the numbers in {_A_LIST}",
        thing=f"the sum of {_A_LIST}|the sum of the numbers in {_A_LIST}|a sum function"
        f"|a function for the sum of {_A_LIST}|the total of {_A_LIST}",
        verbs="add up|sum|sum up|total",
        rest=f"[the numbers|all numbers|all the numbers|the elements|the values] [in|of] {_A_LIST}",
        python="""
            def sum_of(numbers):
                return sum(numbers)
        """,
        cpp="""
            #include <numeric>
            #include <vector>

            int sum_of(const std::vector<int>& numbers) {
                return std::accumulate(numbers.begin(), numbers.end(), 0);
            }
        """,
        javascript="""
            function sumOf(numbers) {
              return numbers.reduce((sum, n) => sum + n, 0);
            }
        """,
    ),
    _general(
        "largest",
        title=f"largest [number|element|value] [in|of] {_A_LIST}|maximum of {_A_LIST}",
        thing=f"the largest [number|element|value] [in|of] {_A_LIST}|the maximum of {_A_LIST}"
        f"|a function for the maximum of {_A_LIST}|the highest number in {_A_LIST}",
        verbs="find|get|return|pick",
        rest=f"the [largest|biggest|greatest] [number|element|value] [in|of] {_A_LIST}"
        f"|the maximum of {_A_LIST}",
        python="""
            def largest(numbers):
                return max(numbers)
        """,
        cpp="""
            #include <algorithm>
            #include <vector>

            int largest(const std::vector<int>& numbers) {
                return *std::max_element(numbers.begin(), numbers.end());
            }
        """,
        javascript="""
            function largest(numbers) {
              return Math.max(...numbers);
            }
        """,
    ),
)

_NUMBERS = (
    _general(
        "factorial",
        title="factorial|factorials|factorial of a number",
        thing="factorial|the factorial function|a factorial function|the factorial of a number"
        "|the factorial|factorials",
        verbs="compute|calculate|find|return|work out",
        rest="the factorial of [a number|n|a given number]|a factorial|factorials",
        python="""
            def factorial(n):
                result = 1
                for i in range(2, n + 1):
                    result *= i
                return result
        """,
        cpp="""
            long long factorial(int n) {
                long long result = 1;
                for (int i = 2; i <= n; ++i) {
                    result *= i;
                }
                return result;
            }
        """,
        javascript="""
            function factorial(n) {
              let result = 1;
              for (let i = 2; i <= n; i++) {
                result *= i;
              }
              return result;
            }
        """,
    ),
    _general(
        "fibonacci",
        title="Fibonacci|Fibonacci numbers|Fibonacci sequence",
        thing="the Fibonacci numbers|Fibonacci|the Fibonacci sequence|a Fibonacci function"
        "|the Fibonacci function|the Fibonacci series",
        verbs="compute|calculate|find|return|work out",
        rest="[the |]Fibonacci numbers|the nth Fibonacci number|a Fibonacci number",
        python="""
            def fibonacci(n):
                a, b = 0, 1
                for _ in range(n):
                    a, b = b, a + b
                return a
        """,
        cpp="""
            long long fibonacci(int n) {
                long long a = 0;
                long long b = 1;
                for (int i = 0; i < n; ++i) {
                    long long next = a + b;
                    a = b;
                    b = next;
                }
                return a;
            }
        """,
        javascript="""
            function fibonacci(n) {
              let [a, b] = [0, 1];
              for (let i = 0; i < n; i++) {
                [a, b] = [b, a + b];
              }
              return a;
            }
        """,
    ),
    _general(
        "gcd",
        title="greatest common divisor|gcd|GCD",
        thing="the greatest common divisor|gcd|a gcd function|the gcd of two numbers"
        "|the greatest common divisor of two numbers|the greatest common factor",
        verbs="compute|calculate|find|return|work out",
        rest="the [greatest common divisor|gcd|GCD] of two numbers|a greatest common divisor",
        python="""
            def gcd(a, b):
                while b != 0:
                    a, b = b, a % b
                return a
        """,
        cpp="""
            int gcd(int a, int b) {
                while (b != 0) {
                    int rest = a % b;
                    a = b;
                    b = rest;
                }
                return a;
            }
        """,
        javascript="""
            function gcd(a, b) {
              while (b !== 0) {
                [a, b] = [b, a % b];
              }
              return a;
            }
        """,
    ),
    _general(
        "prime_test",
        title="prime test|prime check|prime number test|prime number check",
        thing="a prime test|a prime number test|a prime check|a prime number check"
        "|a test for prime numbers|a primality test",
        verbs="check|test|find out|tell|decide",
        rest="[if|whether] a number is [prime|a prime number|a prime]",
        python="""
            from math import isqrt


            def is_prime(n):
                return n > 1 and all(n % i != 0 for i in range(2, isqrt(n) + 1))
        """,
        cpp="""
            bool is_prime(int n) {
                if (n < 2) return false;
                for (int i = 2; i <= n / i; ++i) {
                    if (n % i == 0) return false;
                }
                return true;
            }
        """,
        javascript="""
            function isPrime(n) {
              if (n < 2) return false;
              for (let i = 2; i * i <= n; i++) {
                if (n % i === 0) return false;
              }
              return true;
            }
        """,
    ),
    _general(
        "even_or_odd",
        title="even or odd|even or odd test|even or odd check|even number test",
        thing="an even or odd test|an even or odd check|a test for even numbers"
        "|an even number check|even or odd|an odd or even test",
        verbs="check|test|find out|tell|decide",
        rest="[if|whether] a number is [even|even or odd|odd or even]",
        python="""
            def is_even(n):
                return n % 2 == 0
        """,
        cpp="""
            bool is_even(int n) {
                return n % 2 == 0;
            }
        """,
        javascript="""
            function isEven(n) {
              return n % 2 === 0;
            }
        """,
    ),
    _general(
        "power_of_two",
        title="power of two test|power of two check|power of 2 test|power of 2 check",
        thing="a power of two test|a power of two check|a power of 2 test|a power of 2 check"
        "|a test for powers of two|a test for powers of 2",
        verbs="check|test|find out|tell|decide",
        rest="[if|whether] a number is a power of [two|2]",
        python="""
            def is_power_of_two(n):
                return n > 0 and (n & (n - 1)) == 0
        """,
        cpp="""
            bool is_power_of_two(int n) {
                return n > 0 && (n & (n - 1)) == 0;
            }
        """,
        javascript="""
            function isPowerOfTwo(n) {
              return n > 0 && (n & (n - 1)) === 0;
            }
        """,
    ),
    _general(
        "celsius_to_fahrenheit",
        title="Celsius to Fahrenheit|Celsius to Fahrenheit conversion"
        "|Celsius to Fahrenheit converter",
        thing="a Celsius to Fahrenheit conversion|a Celsius to Fahrenheit converter"
        "|Celsius to Fahrenheit|a Celsius to Fahrenheit function"
        "|the conversion from Celsius to Fahrenheit|a change from Celsius to Fahrenheit",
        verbs="convert|change|turn",
        rest="[Celsius|degrees Celsius] [to|into] Fahrenheit"
        "|a temperature from Celsius to Fahrenheit",
        python="""
            def celsius_to_fahrenheit(celsius):
                return celsius * 9 / 5 + 32
        """,
        cpp="""
            double celsius_to_fahrenheit(double celsius) {
                return celsius * 9 / 5 + 32;
            }
        """,
        javascript="""
            function celsiusToFahrenheit(celsius) {
              return (celsius * 9) / 5 + 32;
            }
        """,
    ),
    _general(
        "swap",
        title="swapping two [values|variables|numbers]|a swap of two [values|variables|numbers]",
        thing="a swap of two [values|variables|numbers]|a swap function"
        "|a function to swap two [values|variables|numbers]|an exchange of two variables",
        verbs="swap|exchange|switch",
        rest="two [values|variables|numbers]|the values of two variables",
        python="""
            def swap(a, b):
                return b, a
        """,
        cpp="""
            void swap(int& a, int& b) {
                int old = a;
                a = b;
                b = old;
            }
        """,
        javascript="""
            function swap(a, b) {
              return [b, a];
            }
        """,
    ),
    _general(
        "add_number",
        title="adding {number}|adding {number} to a number",
        thing="a function that adds {number}|a function to add {number}"
        "|a function [that adds|to add|for adding] {number} to a number|an addition of {number}",
        verbs="add",
        rest="{number} to [a number|a given number|a value|any number]",
        slots=(Slot.NUMBER,),
        python="""
            def add(n):
                return n + @number@
        """,
        cpp="""
            int add(int n) {
                return n + @number@;
            }
        """,
        javascript="""
            function add(n) {
              return n + @number@;
            }
        """,
    ),
    _general(
        "multiply_number",
        title="multiplying by {number}|multiplying a number by {number}",
        thing="a function that multiplies by {number}|a function to multiply by {number}"
        "|a function [that multiplies|to multiply] a number by {number}"
        "|a multiplication by {number}",
        verbs="multiply",
        rest="[a number|a given number|a value|any number] [by|with] {number}",
        slots=(Slot.NUMBER,),
        python="""
            def multiply(n):
                return n * @number@
        """,
        cpp="""
            int multiply(int n) {
                return n * @number@;
            }
        """,
        javascript="""
            function multiply(n) {
              return n * @number@;
            }
        """,
    ),
)

_STRINGS = (
    _general(
        "reverse_string",
        title="reversing a string|string reversal|reverse string",
        thing="a string reversal|a function to reverse a string|a reverse string function"
        "|string reversal|a string reverse function|a reversal of a string",
        verbs="reverse|flip",
        rest="a [string|text|word]|the letters [of|in] a [string|word]|the characters of a string",
        python="""
            def reverse(text):
                return text[::-1]
        """,
        cpp="""
            #include <string>

            std::string reverse(const std::string& text) {
                return std::string(text.rbegin(), text.rend());
            }
        """,
        javascript="""
            function reverse(text) {
              return [...text].reverse().join("");
            }
        """,
    ),
    _general(
        "palindrome",
        title="palindrome test|palindrome check|palindrome checker|palindrome",
        thing="a palindrome test|a palindrome check|a palindrome checker|a palindrome function"
        "|a test for palindromes|a palindrome detector",
        verbs="check|test|find out|tell|decide",
        rest="[if|whether] a [string|word|text] is a palindrome|for palindromes",
        python="""
            def is_palindrome(text):
                return text == text[::-1]
        """,
        cpp="""
            #include <string>

            bool is_palindrome(const std::string& text) {
                return text == std::string(text.rbegin(), text.rend());
            }
        """,
        javascript="""
            function isPalindrome(text) {
              return text === [...text].reverse().join("");
            }
        """,
    ),
    _general(
        "count_vowels",
        title="vowel count|vowel counter|count vowels|counting vowels",
        thing="a vowel counter|a vowel count|a function to count [the |]vowels"
        "|a vowel counting function|a count of the vowels",
        verbs="count|tally",
        rest="[the |all |all the |]vowels [in|of] a [string|text|word]",
        python="""
            def count_vowels(text):
                return sum(letter in "aeiou" for letter in text.lower())
        """,
        cpp="""
            #include <string>

            int count_vowels(const std::string& text) {
                const std::string vowels = "aeiouAEIOU";
                int count = 0;
                for (char letter : text) {
                    if (vowels.find(letter) != std::string::npos) ++count;
                }
                return count;
            }
        """,
        javascript="""
            function countVowels(text) {
              return (text.match(/[aeiou]/gi) || []).length;
            }
        """,
    ),
    _general(
        "count_words",
        title="word count|word counter|count words|counting words",
        thing="a word counter|a word count|a function to count [the |]words"
        "|a word counting function|a count of the words",
        verbs="count|tally",
        rest="[the |all |all the |]words [in|of] a [string|text|sentence]",
        python="""
            def count_words(text):
                return len(text.split())
        """,
        cpp="""
            #include <sstream>
            #include <string>

            int count_words(const std::string& text) {
                std::istringstream words(text);
                std::string word;
                int count = 0;
                while (words >> word) ++count;
                return count;
            }
        """,
        javascript=r"""
            function countWords(text) {
              return (text.match(/\S+/g) || []).length;
            }
        """,
    ),
)

_PRINTING = (
    _general(
        "hello_world",
        title="hello world|hello world program",
        thing="hello world|a hello world program|the hello world program|a hello world script"
        "|a hello world example",
        verbs="print|output|display|write|say",
        rest="hello world|hello, world",
        unit=_PROGRAM,
        python="""
            print("Hello, world!")
        """,
        cpp=r"""
            #include <iostream>

            int main() {
                std::cout << "Hello, world!\n";
            }
        """,
        javascript="""
            console.log("Hello, world!");
        """,
    ),
    _general(
        "fizzbuzz",
        title="FizzBuzz|fizz buzz|fizzbuzz",
        thing="FizzBuzz|fizz buzz|a FizzBuzz program|the FizzBuzz game|the FizzBuzz program"
        "|the FizzBuzz problem",
        verbs="play|solve|print|do",
        rest="FizzBuzz|fizz buzz|the FizzBuzz game",
        unit=_PROGRAM,
        python="""
            for i in range(1, 101):
                if i % 15 == 0:
                    print("FizzBuzz")
                elif i % 3 == 0:
                    print("Fizz")
                elif i % 5 == 0:
                    print("Buzz")
                else:
                    print(i)
        """,
        cpp=r"""
            #include <iostream>

            int main() {
                for (int i = 1; i <= 100; ++i) {
                    if (i % 15 == 0) {
                        std::cout << "FizzBuzz\n";
                    } else if (i % 3 == 0) {
                        std::cout << "Fizz\n";
                    } else if (i % 5 == 0) {
                        std::cout << "Buzz\n";
                    } else {
                        std::cout << i << "\n";
                    }
                }
            }
        """,
        javascript="""
            for (let i = 1; i <= 100; i++) {
              if (i % 15 === 0) {
                console.log("FizzBuzz");
              } else if (i % 3 === 0) {
                console.log("Fizz");
              } else if (i % 5 === 0) {
                console.log("Buzz");
              } else {
                console.log(i);
              }
            }
        """,
    ),
    _general(
        "print_range",
        title="numbers from {low} to {high}|loop from {low} to {high}|count from {low} to {high}",
        thing="a loop from {low} to {high}|a program that prints the numbers from {low} to {high}"
        "|a [for |]loop that prints the numbers from {low} to {high}"
        "|a program that counts from {low} to {high}|the numbers from {low} to {high}",
        verbs="print|output|display|list",
        rest="[the |all |all the |]numbers from {low} to {high}|the numbers {low} to {high}",
        unit=_PROGRAM,
        slots=(Slot.LOW, Slot.HIGH),
        python="""
            for i in range(@low@, @high@ + 1):
                print(i)
        """,
        cpp=r"""
            #include <iostream>

            int main() {
                for (int i = @low@; i <= @high@; ++i) {
                    std::cout << i << "\n";
                }
            }
        """,
        javascript="""
            for (let i = @low@; i <= @high@; i++) {
              console.log(i);
            }
        """,
    ),
    _general(
        "print_text",
        title='printing "{text}"|printing {text}|printing the text {text}',
        thing='a program [that|which] prints ["{text}"|{text}]|a program to print ["{text}"|{text}]'
        '|a script that prints ["{text}"|{text}]|a program that says "{text}"',
        verbs="print|output|display|say",
        rest='"{text}"|{text}|the text [{text}|"{text}"]|the words {text}|the message "{text}"',
        unit=_PROGRAM,
        slots=(Slot.TEXT,),
        python="""
            print("@text@")
        """,
        cpp=r"""
            #include <iostream>

            int main() {
                std::cout << "@text@\n";
            }
        """,
        javascript="""
            console.log("@text@");
        """,
    ),
    _general(
        "repeat_text",
        title='printing "{text}" {number} times|printing {text} {number} times',
        thing='a program [that|which] prints ["{text}"|{text}] {number} times'
        '|a loop that prints ["{text}"|{text}] {number} times'
        '|a program that says "{text}" {number} times',
        verbs="print|output|display|say",
        rest='["{text}"|{text}|the text {text}|the words {text}|the message "{text}"]'
        " {number} times",
        unit=_PROGRAM,
        slots=(Slot.TEXT, Slot.NUMBER),
        python="""
            for _ in range(@number@):
                print("@text@")
        """,
        cpp=r"""
            #include <iostream>

            int main() {
                for (int i = 0; i < @number@; ++i) {
                    std::cout << "@text@\n";
                }
            }
        """,
        javascript="""
            for (let i = 0; i < @number@; i++) {
              console.log("@text@");
            }
        """,
    ),
)

_FOLDER_WORD = "[folder|directory]"
_HERE = f"[a|this|the|the current] {_FOLDER_WORD}"

_SHELL = (
    _shell(
        "list_files",
        "ls",
        "list|show|display|view",
        f"[the |]files in {_HERE}|[the |]files|the contents of {_HERE}",
    ),
    _shell(
        "list_hidden_files",
        "ls -a",
        "list|show|display|view",
        f"[the |all |all the |][hidden files|hidden files in {_HERE}]",
    ),
    _shell("show_folder", "pwd", "show|print|display|get", f"the [current|working] {_FOLDER_WORD}"),
    _shell(
        "disk_space",
        "df -h",
        "show|check|display|print|view",
        "[the |][free |available |]disk space|[the |]disk usage"
        "|how much disk space [is left|is free|I have|remains]",
        extra=(
            "How much [disk space|space on the disk] [is left|is free|do I have|remains]"
            f"{_MAYBE_IN_SHELL}?",
        ),
    ),
    _shell(
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
    _shell(
        "count_files",
        "find . -maxdepth 1 -type f | wc -l",
        "count|tally",
        f"[the |all |all the |]files in {_HERE}|how many files are in {_HERE}",
        extra=(
            f"How many files [are|are there] in {_HERE}{_MAYBE_IN_SHELL}?",
            f"[Give me|Show me|I need|~Let me see] the number of files in {_HERE} {_IN_SHELL}",
        ),
    ),
    _shell(
        "hello_world_in_shell",
        "echo 'Hello, world!'",
        "print|echo|output|write|~say",
        "hello world|hello, world",
        where=f" {_IN_SHELL}",
        extra=(
            f"[Write|Show me|Give me|Code|Produce] hello world {_IN_SHELL}",
            "[[shell|bash|terminal] hello world|hello world [script |]in [bash|the shell]"
            "|a hello world [shell|bash] script|~hello world as a [shell|bash] script]",
        ),
    ),
    _shell(
        "print_text_in_shell",
        "echo '@text@'",
        "print|echo|output|display|say",
        '"{text}"|{text}|the text [{text}|"{text}"]|the words {text}|the message "{text}"',
        slots=(Slot.TEXT,),
        where=f" {_IN_SHELL}",
    ),
    _shell(
        "loop_numbers_in_shell",
        """
            for i in {@low@..@high@}; do
                echo "$i"
            done
        """,
        "loop|count|~run",
        "from {low} to {high}|over the numbers from {low} to {high}",
        slots=(Slot.LOW, Slot.HIGH),
        where=f" {_IN_SHELL}",
        extra=(
            f"[print|show|echo|~list] [the |all |]numbers from {{low}} to {{high}} {_IN_SHELL}",
            "[[shell|bash] [for |]loop from {low} to {high}|a [for |]loop from {low} to {high} in"
            " [bash|the shell]|[Write|Show me|Give me|Produce] a [shell|bash] loop from {low} to"
            " {high}]",
        ),
    ),
    *_shell_pair(
        "count_lines",
        "wc -l @file@",
        "count|tally",
        "[the |all |]lines [of|in] [the file |]{file}",
        unnamed="[the |all |]lines [of|in] [a|the] [file|text file]",
        slots=(Slot.FILE,),
    ),
    *_shell_pair(
        "first_lines",
        "head -n 10 @file@",
        "show|print|display|view",
        "the first [ten|10] lines of [the file |]{file}",
        unnamed="the first [ten |10 ||few ]lines of a [file|text file]",
        slots=(Slot.FILE,),
    ),
    *_shell_pair(
        "find_files",
        'find . -name "*.@extension@"',
        "find|search for|look for|locate",
        "[all |all the |]{extension} files|[all |all the |].{extension} files"
        "|[all |]files [ending in|that end in|with the extension] .{extension}",
        unnamed="files by [name|their name|extension]|[all |]files [with|of] one extension"
        "|[all |]files of one [type|kind]",
        slots=(Slot.EXTENSION,),
    ),
    _shell(
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
    _shell(
        "loop_all_files",
        """
            for file in *; do
                echo "$file"
            done
        """,
        "loop|iterate|run",
        f"[over|through] [all |all the |the |][files|files in {_HERE}]",
    ),
    *_shell_pair(
        "make_folder",
        "mkdir @folder@",
        "make|create|add|set up",
        f"[a |a new |the ]{_FOLDER_WORD} [called |named |]{{folder}}",
        unnamed=f"[a|a new] {_FOLDER_WORD}",
        slots=(Slot.FOLDER,),
    ),
    *_shell_pair(
        "delete_file",
        "rm @file@",
        "delete|remove|erase|get rid of",
        "[the file |]{file}|[a|the] file [called|named] {file}",
        unnamed="[a|one] file",
        slots=(Slot.FILE,),
    ),
    *_shell_pair(
        "copy_file",
        "cp @file@ @folder@/",
        "copy|duplicate",
        f"[the file |]{{file}} [to|into] [the {_FOLDER_WORD} |]{{folder}}",
        unnamed=f"a file|a file [to|into] [a|another] {_FOLDER_WORD}",
        slots=(Slot.FILE, Slot.FOLDER),
    ),
    *_shell_pair(
        "search_word",
        'grep -rn "@word@" .',
        "search for|find|look for|grep for|locate",
        "[the word |the text |]{word} in [all |all my |my |the |all the |]files",
        unnamed="[a word|a text|a string] in [all |all my |my |the |all the |]files",
        slots=(Slot.WORD,),
    ),
    *_shell_pair(
        "make_executable",
        "chmod +x @name@.sh",
        "make|mark",
        "[the script |the file |]{name}.sh [executable|runnable]",
        unnamed="a [script|shell script|file] [executable|runnable]",
        slots=(Slot.NAME,),
    ),
    *_shell_pair(
        "unpack_archive",
        "tar -xzf @name@.tar.gz",
        "unpack|extract|untar|decompress|~open",
        "[the file |the archive |]{name}.tar.gz",
        unnamed="a [tar.gz|.tar.gz|tar] [file|archive]|a tar.gz",
        slots=(Slot.NAME,),
    ),
)

CODE_TASKS: tuple[CodeTask, ...] = (
    *_SORTING_AND_SEARCHING,
    *_NUMBERS,
    *_STRINGS,
    *_PRINTING,
    *_SHELL,
)
"""Every task, each with a name of its own."""
