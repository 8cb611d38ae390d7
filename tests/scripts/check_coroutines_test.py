"""The coroutine check must catch both spellings of the g++ 12 bug and leave the cures alone."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))
sys.dont_write_bytecode = True
from check_coroutines import faults_in  # noqa: E402


def lines(source):
    return [line for line, _ in faults_in(source)]


class Catches(unittest.TestCase):
    def test_a_braced_temporary_as_an_argument(self):
        self.assertEqual([2], lines('void f() {\n  co_await send(Request{1, "x"});\n}\n'))

    def test_a_qualified_and_templated_braced_temporary(self):
        self.assertEqual([1], lines('auto r = co_await ns::send(std::vector<int>{1, 2});'))

    def test_a_bare_braced_argument(self):
        self.assertEqual([1], lines('co_await send({1, 2});'))
        self.assertEqual([1], lines('co_await send(a, {});'))

    def test_a_braced_temporary_on_a_later_line(self):
        self.assertEqual([3], lines('co_await send(\n    first,\n    Second{2});'))

    def test_a_braced_temporary_outside_the_awaited_call_but_in_the_expression(self):
        self.assertEqual([1], lines('use(Guard{1}, co_await get());'))

    def test_a_lambda_with_captures(self):
        self.assertEqual([1], lines('co_await run([this] { go(); });'))
        self.assertEqual([1], lines('co_await run([x = std::move(y)](int) mutable { go(x); });'))
        self.assertEqual([2], lines('auto r = co_await run(\n    [&](auto z) -> int { return z; });'))

    def test_a_fault_within_the_condition_of_an_if(self):
        self.assertEqual([1], lines('if (co_await get(Key{1})) { go(); }'))

    def test_a_fault_inside_the_body_of_a_lambda_that_awaits(self):
        self.assertEqual([2], lines('auto f = []() -> awaitable<void> {\n  co_await send(Request{});\n};'))


class Accepts(unittest.TestCase):
    def test_a_named_value_moved_in(self):
        self.assertEqual([], lines('Request request{1};\nco_await send(std::move(request));'))

    def test_a_parenthesised_temporary(self):
        self.assertEqual([], lines('co_await send(Request(1));'))

    def test_a_lambda_without_captures(self):
        self.assertEqual([], lines('co_await run([](int x) { return x + 1; });'))

    def test_arms_of_a_conditional_operator(self):
        self.assertEqual([1, 1], lines('auto a = b ? co_await f() : co_await g();'))
        self.assertEqual([1], lines('auto a = b ? x : co_await g();'))
        self.assertEqual([], lines('auto a = co_await f(b ? x : y);'))
        self.assertEqual([], lines('switch (x) { case 1: co_await f(); }'))
        self.assertEqual([], lines('co_await asio::f(b ? x::y : z);'))

    def test_a_subscript(self):
        self.assertEqual([], lines('co_await send(table[index]);\nco_await peers[0].send(x);'))

    def test_braces_in_the_block_that_follows(self):
        self.assertEqual([], lines('if (co_await ready()) { Foo foo{1}; use(Foo{2}); }'))
        self.assertEqual([], lines('while (co_await ready()) {\n  Foo foo{1};\n}'))

    def test_braces_in_the_statements_around(self):
        self.assertEqual([], lines('use(Foo{1});\nco_await go();\nuse(Foo{2});'))

    def test_a_capturing_lambda_outside(self):
        self.assertEqual([], lines('auto f = [this] { go(); };\nco_await run(f);'))

    def test_a_structured_binding(self):
        self.assertEqual([], lines('auto [ec, n] = co_await from->async_read_some(into, kTuple);'))

    def test_comments_and_literals(self):
        self.assertEqual([], lines('co_await send(x);  // not Request{1}\nco_await send("Foo{1} [this] {");'))

    def test_digit_separators_do_not_open_a_literal(self):
        self.assertEqual([2], lines("auto n = 1'000;\nco_await send(Request{n});  // it's here"))

    def test_a_braced_co_return_value(self):
        self.assertEqual([], lines('if (!x) co_return Error{code, "x"};\nco_await go();'))


if __name__ == '__main__':
    unittest.main()
