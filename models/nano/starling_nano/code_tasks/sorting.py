"""Sorting and searching."""

from __future__ import annotations

from starling_nano.code_tasks.requests import A_LIST, general

SORTING_AND_SEARCHING = (
    general(
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
    general(
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
    general(
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
    general(
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
    general(
        "sum",
        title=f"sum of {A_LIST}|sum of numbers|sum of the numbers in {A_LIST}",
        thing=f"the sum of {A_LIST}|the sum of the numbers in {A_LIST}|a sum function"
        f"|a function for the sum of {A_LIST}|the total of {A_LIST}",
        verbs="add up|sum|sum up|total",
        rest=f"[the numbers|all numbers|all the numbers|the elements|the values] [in|of] {A_LIST}",
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
    general(
        "largest",
        title=f"largest [number|element|value] [in|of] {A_LIST}|maximum of {A_LIST}",
        thing=f"the largest [number|element|value] [in|of] {A_LIST}|the maximum of {A_LIST}"
        f"|a function for the maximum of {A_LIST}|the highest number in {A_LIST}",
        verbs="find|get|return|pick",
        rest=f"the [largest|biggest|greatest] [number|element|value] [in|of] {A_LIST}"
        f"|the maximum of {A_LIST}",
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
