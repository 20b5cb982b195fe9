"""Functions of texts."""

from __future__ import annotations

from starling_nano.code_tasks.requests import general

STRINGS = (
    general(
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
    general(
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
    general(
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
    general(
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
