#!/usr/bin/python3
"""Holds docs/threat-model.md and the tests that show it together.

A test that shows a number of the checklist has a comment of its own right above it, one line for each number:

    // threat-model 41        C++ and Go
    # threat-model 41         Python and Meson

Each number of the checklist has such a test or a row in the table of what no test shows, each mark has its row, and the last
column of the checklist is what the marks say; --write puts that there.

usage: check_threat_model.py [--write] [ROOT]
"""

import re
import sys
from pathlib import Path

DOCUMENT = 'docs/threat-model.md'
CHECKLIST = '## The checklist'
EXCEPTIONS = '## What no test shows'
NOTHING = '—'
SUFFIXES = {'.cpp', '.h', '.go', '.py', '.build', ''}
# Seeds and samples hold whatever octets they hold.
SAMPLES = ('tests/data/', 'tests/fuzz/corpus/')

MARK = re.compile(r'\s*(?://|#) threat-model ([1-9][0-9]*)')
LIKE_A_MARK = re.compile(r'\s*(?://|#).*\bthreat-model\s*\d', re.IGNORECASE)
COMMENT = re.compile(r'\s*(?://|#|@)')
TEST = re.compile(r'\s*(?:TEST(?:_F|_P)?\(\s*\w+,\s*(?P<cpp>\w+)\)|(?:def|class)\s+(?P<python>\w+)|func\s+(?P<go>Test\w+|Fuzz\w+)\()')
ROW = re.compile(r'\| *(\d+) *\|')


def marks_of(text):
    """(number, name of the test below it or '') of each mark, and the lines that only look like one."""
    marks, odd = [], []
    lines = text.splitlines()
    for at, line in enumerate(lines):
        mark = MARK.fullmatch(line)
        if not mark:
            if LIKE_A_MARK.match(line):
                odd.append(at + 1)
            continue
        below = next((other for other in lines[at + 1:] if not COMMENT.match(other)), '')
        test = TEST.match(below)
        marks.append((int(mark.group(1)), next(filter(None, test.groups()), '') if test else ''))
    return marks, odd


def collect(root):
    """Number -> {file -> names of its tests, in their order}, and what is wrong with marks."""
    shown, faults = {}, []
    for path in sorted((root / 'tests').rglob('*')):
        name = path.relative_to(root).as_posix()
        if path.suffix not in SUFFIXES or not path.is_file() or name.startswith(SAMPLES) or '__pycache__' in name:
            continue
        # The test of this check holds marks as text.
        if name == 'tests/scripts/check_threat_model_test.py':
            continue
        marks, odd = marks_of(path.read_text(encoding='utf-8', errors='replace'))
        faults += [f'{name}:{line}: not the form of a mark, which is a comment "threat-model N" alone on its line'
                   for line in odd]
        for number, test in marks:
            names = shown.setdefault(number, {}).setdefault(name, [])
            if test and test not in names:
                names.append(test)
    return shown, faults


def column(files):
    """What the last column of a row says."""
    return '; '.join(f'`{name}`' + (f' {", ".join(tests)}' if tests else '') for name, tests in files.items()) or NOTHING


def section(lines, heading):
    """Index of the first line behind the heading, and of the next heading of the same level."""
    if heading not in lines:
        return 0, 0
    begin = lines.index(heading) + 1
    return begin, next((i for i in range(begin, len(lines)) if lines[i].startswith('## ')), len(lines))


def rows(lines, heading):
    """(line index, number, cells) of each numbered row of a section."""
    for at in range(*section(lines, heading)):
        if row := ROW.match(lines[at]):
            yield at, int(row.group(1)), [cell.strip() for cell in lines[at].strip().strip('|').split('|')]


def check(root, write=False):
    """Faults, and how many numbers there are."""
    path = root / DOCUMENT
    if not path.is_file():
        return [f'{DOCUMENT} is missing'], 0
    lines = path.read_text(encoding='utf-8').splitlines()
    shown, faults = collect(root)
    excused = set()
    for at, number, cells in rows(lines, EXCEPTIONS):
        if len(cells) != 3 or not all(cells):
            faults.append(f'{DOCUMENT}:{at + 1}: an exception has three cells: number, why, what stands instead')
        excused.add(number)

    known = []
    for at, number, cells in rows(lines, CHECKLIST):
        known.append(number)
        if len(cells) != 3 or not cells[1]:
            faults.append(f'{DOCUMENT}:{at + 1}: a row has three cells: number, claim, tests')
            continue
        wanted = column(shown.get(number, {}))
        if cells[2] != wanted and write:
            lines[at] = f'| {number} | {cells[1]} | {wanted} |'
        elif cells[2] != wanted:
            faults.append(f'{DOCUMENT}:{at + 1}: the marks of number {number} say "{wanted}": run {Path(__file__).name} --write')
        if number not in shown and number not in excused:
            faults.append(f'{DOCUMENT}:{at + 1}: no test has the mark "threat-model {number}", and "{EXCEPTIONS[3:]}" has no row for it')
    if known != list(range(1, len(known) + 1)):
        faults.append(f'{DOCUMENT}: the numbers of the checklist are not 1, 2, 3, …, each once')
    faults += [f'{name}: the mark "threat-model {number}" has no row in {DOCUMENT}'
               for number in sorted(set(shown) - set(known)) for name in shown[number]]
    faults += [f'{DOCUMENT}: an exception for {number}, which the checklist does not have' for number in sorted(excused - set(known))]
    if write:
        path.write_text('\n'.join(lines) + '\n', encoding='utf-8')
    return faults, len(known)


def main(argv):
    arguments = argv[1:]
    write = '--write' in arguments
    places = [Path(a) for a in arguments if a != '--write'] or [Path(__file__).resolve().parent.parent]
    faults, numbers = check(places[0], write)
    for fault in faults:
        print(fault)
    if not numbers:
        print(f'{DOCUMENT} has no checklist, nothing was checked')
        return 1
    print(f'{numbers} numbers, {len(faults)} faults')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
