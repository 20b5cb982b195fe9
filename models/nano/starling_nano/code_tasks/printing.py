"""Programs that print."""

from __future__ import annotations

from starling_nano.code_tasks.requests import PROGRAM, general
from starling_nano.code_tasks.task import Slot

PRINTING = (
    general(
        "hello_world",
        title="hello world|hello world program",
        thing="hello world|a hello world program|the hello world program|a hello world script"
        "|a hello world example",
        verbs="print|output|display|write|say",
        rest="hello world|hello, world",
        unit=PROGRAM,
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
    general(
        "fizzbuzz",
        title="FizzBuzz|fizz buzz|fizzbuzz",
        thing="FizzBuzz|fizz buzz|a FizzBuzz program|the FizzBuzz game|the FizzBuzz program"
        "|the FizzBuzz problem",
        verbs="play|solve|print|do",
        rest="FizzBuzz|fizz buzz|the FizzBuzz game",
        unit=PROGRAM,
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
    general(
        "print_range",
        title="numbers from {low} to {high}|loop from {low} to {high}|count from {low} to {high}",
        thing="a loop from {low} to {high}|a program that prints the numbers from {low} to {high}"
        "|a [for |]loop that prints the numbers from {low} to {high}"
        "|a program that counts from {low} to {high}|the numbers from {low} to {high}",
        verbs="print|output|display|list",
        rest="[the |all |all the |]numbers from {low} to {high}|the numbers {low} to {high}",
        unit=PROGRAM,
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
    general(
        "print_text",
        title='printing "{text}"|printing {text}|printing the text {text}',
        thing='a program [that|which] prints ["{text}"|{text}]|a program to print ["{text}"|{text}]'
        '|a script that prints ["{text}"|{text}]|a program that says "{text}"',
        verbs="print|output|display|say",
        rest='"{text}"|{text}|the text [{text}|"{text}"]|the words {text}|the message "{text}"',
        unit=PROGRAM,
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
    general(
        "repeat_text",
        title='printing "{text}" {number} times|printing {text} {number} times',
        thing='a program [that|which] prints ["{text}"|{text}] {number} times'
        '|a loop that prints ["{text}"|{text}] {number} times'
        '|a program that says "{text}" {number} times',
        verbs="print|output|display|say",
        rest='["{text}"|{text}|the text {text}|the words {text}|the message "{text}"]'
        " {number} times",
        unit=PROGRAM,
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
