#!/usr/bin/python3
"""Finds co_await expressions that g++ 12 miscompiles.

g++ 12 destroys twice what a co_await expression creates by a braced temporary or by a lambda with
captures: heap corruption at -O0 and -O2, correct on g++ 14. The cure is to name the value first
and to std::move it in. It also destroys twice what a co_await in an arm of a conditional operator
yields; there the cure is an if. This looks for these spellings inside each full co_await expression.

usage: check_coroutines.py [ROOT | FILE...]
"""

import re
import sys
from pathlib import Path

OPEN = {'(': ')', '[': ']', '{': '}'}
# Comments and literals, in the order in which they must win.
SKIPPED = re.compile(
    r'//[^\n]*|/\*.*?\*/'
    r'|R"(?P<tag>[^()\\ ]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'", re.DOTALL)


def blank(source):
    """Replaces comments and literals by spaces, keeping every line where it was."""
    return SKIPPED.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()), source)


def matching(text, start):
    """Index after the bracket that closes the one at `start`, or the end of the text."""
    stack = []
    for i in range(start, len(text)):
        c = text[i]
        if c in OPEN:
            stack.append(OPEN[c])
        elif stack and c == stack[-1]:
            stack.pop()
            if not stack:
                return i + 1
    return len(text)


def opening(text, end):
    """Index of the brace that the one at `end` closes, or 0."""
    depth = 0
    for i in range(end, -1, -1):
        if text[i] == '}':
            depth += 1
        elif text[i] == '{':
            depth -= 1
            if depth == 0:
                return i
    return 0


def expression_bounds(text, at):
    """The full expression around the co_await at `at`.

    It ends at the semicolon, or where a bracket closes that was opened before it. It begins after
    the last ; { } or unmatched bracket: `f(T{}, co_await g())` is as broken as `co_await g(T{})`.
    """
    depth = 0
    begin = at
    while begin > 0:
        c = text[begin - 1]
        if c in ')]':
            depth += 1
        elif c in '([':
            if depth == 0:
                # Inside the parentheses of if/while/for/switch the expression begins here; in a
                # call it goes on to the left.
                if re.search(r'\b(?:if|while|for|switch)(?:\s+constexpr)?\s*$', text[:begin - 1]):
                    break
            else:
                depth -= 1
        elif c == '}' and re.match(r'\s*[,.)+*/|&?:<>=-]', text[begin:at]):
            begin = opening(text, begin - 1)  # a braced value, not the block of a statement before
            continue
        elif c in ';{}' and depth == 0:
            break
        begin -= 1
    end = at
    depth = 0
    while end < len(text):
        c = text[end]
        if c in OPEN:
            end = matching(text, end)
            continue
        if c == ';' or c == '}':
            break
        if c in ')]':
            if depth == 0 and re.search(r'\b(?:if|while|for|switch)(?:\s+constexpr)?\s*\($',
                                        text[:begin]):
                break
            depth -= 1
        end += 1
    return begin, end


# A type name, possibly qualified and templated, right before a brace: `Foo{`, `ns::Foo<int>{`.
BRACED = re.compile(r'(?<![\w:])((?:::)?[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*(?:<[^;{}()]*>)?)\s*\{')
# Words before a brace that open a block, not an object.
BLOCK_WORDS = {'do', 'else', 'try', 'mutable', 'noexcept', 'const', 'return', 'co_return', 'throw'}
# `{` as an argument: after `(`, `,`, `return` or `=`: an unnamed braced temporary.
BARE = re.compile(r'[(,]\s*\{')
CONDITIONAL = re.compile(r'(?:\?|(?<!:):)\s*co_await\b')
LAMBDA = re.compile(r'(?<![\w\])])\[(?P<captures>[^\[\]]*)\]\s*(?:\([^()]*\)|\{|mutable|<|->)')


def body_of_lambdas(text):
    """Ranges of lambda bodies within an expression: they are expressions of their own."""
    for match in LAMBDA.finditer(text):
        i = match.end() - 1
        if text[match.end() - 1] != '{':
            i = text.find('{', match.end() - 1)
        if i >= 0:
            yield i, matching(text, i)


def faults_in(source):
    """Yields (line, message) for each fault in one file's text."""
    text = blank(source)
    seen = set()
    for word in re.finditer(r'\bco_await\b', text):
        begin, end = expression_bounds(text, word.start())
        expression = text[begin:end]
        hidden = list(body_of_lambdas(expression))

        def visible(at):
            return not any(a < at < b for a, b in hidden)

        for match in LAMBDA.finditer(expression):
            if match.group('captures').strip() and visible(match.start()):
                seen.add((begin + match.start(), 'a lambda with captures inside a co_await '
                          'expression: g++ 12 destroys it twice; name it first'))
        for match in CONDITIONAL.finditer(expression):
            if '?' in expression[:match.start() + 1] and visible(match.start()):
                seen.add((begin + match.start(), 'a co_await in an arm of a conditional operator: '
                          'g++ 12 destroys its value twice; use an if'))
        lambda_braces = {a for a, _ in hidden}
        for match in BRACED.finditer(expression):
            brace = match.end() - 1
            name = match.group(1)
            if name in BLOCK_WORDS or brace in lambda_braces or not visible(match.start()):
                continue
            # `Type name{co_await f()}` declares a variable: the brace holds the co_await itself
            # and what precedes the name is another name.
            before = expression[:match.start()].rstrip()
            if re.search(r'[\w>&*]$', before) and not re.search(
                    r'\b(?:co_await|co_return|co_yield|return|throw|new)$', before):
                continue
            seen.add((begin + match.start(), f'a braced temporary {name}{{}} inside a co_await '
                      'expression: g++ 12 destroys it twice; name it first'))
        for match in BARE.finditer(expression):
            if visible(match.start()):
                seen.add((begin + match.start(), 'a braced argument inside a co_await expression: '
                          'g++ 12 destroys it twice; name it first'))
    for at, message in sorted(seen):
        at += len(text[at:]) - len(text[at:].lstrip())
        yield text.count('\n', 0, at) + 1, message


def main(argv):
    arguments = [Path(a) for a in argv[1:]] or [Path(__file__).resolve().parent.parent]
    files = []
    for path in arguments:
        if path.is_dir():
            for top in ('common', 'daemon', 'helper', 'cli', 'tests'):
                files += [p for p in sorted((path / top).rglob('*')) if p.suffix in ('.h', '.cpp')]
        else:
            files.append(path)
    faults = 0
    for path in files:
        for line, message in faults_in(path.read_text(encoding='utf-8')):
            print(f'{path}:{line}: {message}')
            faults += 1
    if not files:
        print('no source files found, nothing was checked')
        return 1
    print(f'{len(files)} files, {faults} dangerous co_await expressions')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
