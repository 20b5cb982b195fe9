"""Functions of numbers."""

from __future__ import annotations

from starling_nano.code_tasks.requests import general
from starling_nano.code_tasks.task import Slot

NUMBERS = (
    general(
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
    general(
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
    general(
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
    general(
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
    general(
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
    general(
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
    general(
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
    general(
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
    general(
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
    general(
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
