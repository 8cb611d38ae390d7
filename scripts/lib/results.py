#!/usr/bin/python3
"""Collects what every test level found into one file of JSON lines, and adds it up.

usage: results.py FILE meson LEVEL DIR       the logs of `meson test` in DIR (testlog.json, .junit.xml)
       results.py FILE go LEVEL              the output of `go test -json` on standard input
       results.py FILE select DIR ONLY SUITE...   names of the tests in a build directory, one a line
       results.py FILE add LEVEL NAME pass|fail|skip [WHY]
       results.py FILE summary               last line: N passed, N failed, N skipped; exit 1 on a failure
"""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


class Results:
    def __init__(self, path):
        self.path = Path(path)

    def add(self, level, name, result, why=''):
        with open(self.path, 'a', encoding='utf-8') as out:
            out.write(json.dumps({'level': level, 'name': name, 'result': result, 'why': why[-2000:]}) + '\n')

    def all(self):
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding='utf-8').splitlines()]


def meson(results, level, directory):
    """Counts the cases of a GoogleTest program each, any other test as one."""
    log = Path(directory) / 'testlog.json'
    if not log.exists():
        results.add(level, 'meson test', 'fail', f'no test log in {directory}: the tests did not run')
        return
    tests = [json.loads(line) for line in log.read_text(encoding='utf-8').splitlines()]
    junit = Path(directory) / 'testlog.junit.xml'
    cases = gtest_cases(junit) if junit.exists() else {}
    if not tests:
        results.add(level, 'meson test', 'fail', 'the test log is empty: the tests did not run')
    for test in tests:
        # "project:suite / name" since Meson 0.5x; the name alone identifies the program.
        name = test['name'].split(' / ')[-1]
        suite = next((s.split(':')[-1] for s in test.get('suite', []) if ':' in s), '')
        where = f'{level} {suite}'.strip()
        inner = cases.get(name, [])
        failed = test['result'] in ('FAIL', 'ERROR', 'TIMEOUT', 'INTERRUPT', 'UNEXPECTEDPASS')
        for case, result, why in inner:
            results.add(where, f'{name}: {case}', result, why)
        # A program that crashes or leaks after its last case fails although no case did.
        if failed and not any(result == 'fail' for _, result, _ in inner):
            results.add(where, name, 'fail', (test.get('stdout') or '') + (test.get('stderr') or ''))
        elif not inner and not failed:
            skipped = test['result'] == 'SKIP'
            why = (test.get('stdout') or '') + (test.get('stderr') or '') if skipped else ''
            results.add(where, name, 'skip' if skipped else 'pass', why or ('no reason given' if skipped else ''))


def select(directory, only, suites):
    """The tests of these suites whose name contains `only`; Meson's own --list differs by version."""
    done = subprocess.run(['meson', 'introspect', '--tests', directory], check=True, capture_output=True, text=True)
    for test in json.loads(done.stdout):
        if {s.split(':')[-1] for s in test['suite']} & set(suites) and only.lower() in test['name'].lower():
            print(test['name'])


def gtest_cases(path):
    """Program name -> [(case, result, why)], from the JUnit file that Meson makes of gtest's own."""
    found = {}
    for suite in ElementTree.parse(path).getroot().iter('testsuite'):
        # Meson names the suites of a gtest program "PROJECT.PROGRAM.SUITE"; others "PROJECT.SUITE".
        for case in suite.iter('testcase'):
            program, _, group = suite.get('name', '').partition('.')[2].partition('.')
            if not group:
                continue
            failures = [f.get('message', '') or (f.text or '') for f in case.iter('failure')]
            skipped = case.find('skipped')
            if failures:
                entry = (f'{group}.{case.get("name")}', 'fail', '\n'.join(failures))
            elif skipped is not None or case.get('result') == 'skipped':
                why = skipped.get('message', '') or (skipped.text or '') if skipped is not None else ''
                entry = (f'{group}.{case.get("name")}', 'skip', why or 'no reason given')
            else:
                entry = (f'{group}.{case.get("name")}', 'pass', '')
            found.setdefault(program, []).append(entry)
    return found


def go(results, level, lines):
    """One result a test function; a package that does not build is a failure too."""
    output, seen = {}, set()
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            sys.stderr.write(line)  # a build error, before the first event
            output.setdefault('', []).append(line)
            continue
        key = (event.get('Package', ''), event.get('Test', ''))
        if event['Action'] == 'output':
            output.setdefault(key, []).append(event['Output'])
        elif event['Action'] in ('pass', 'fail', 'skip'):
            package, test = key
            text = ''.join(output.get(key, []))
            if test and '/' not in test:
                seen.add(package)
                results.add(level, f'{package.split("/")[-1]}.{test}', event['Action'],
                            text if event['Action'] != 'pass' else '')
            elif not test and event['Action'] == 'fail':
                package_failed = any(r['result'] == 'fail' and r['level'] == level for r in results.all())
                if not package_failed:
                    results.add(level, package, 'fail', text or ''.join(output.get('', [])))
            if event['Action'] == 'fail':
                sys.stderr.write(text)
    if not seen and output.get(''):
        results.add(level, 'go test', 'fail', ''.join(output['']))


def summary(results):
    entries = results.all()
    levels = {}
    for entry in entries:
        levels.setdefault(entry['level'], []).append(entry['result'])
    print()
    for entry in entries:
        if entry['result'] == 'skip':
            first = ' '.join(entry['why'].split()) or 'no reason given'
            print(f'skipped: {entry["level"]}: {entry["name"]}: {first[:300]}')
    for entry in entries:
        if entry['result'] == 'fail':
            print(f'FAILED: {entry["level"]}: {entry["name"]}')
            tail = [line for line in entry['why'].splitlines() if line.strip()][-6:]
            for line in tail:
                print(f'        {line[:200]}')
    print()
    for level, found in levels.items():
        print(f'{level:28} {found.count("pass"):5} passed {found.count("fail"):4} failed '
              f'{found.count("skip"):4} skipped')
    count = lambda what: sum(1 for e in entries if e['result'] == what)
    print(f'{count("pass")} passed, {count("fail")} failed, {count("skip")} skipped')
    return 1 if count('fail') or not count('pass') else 0


def main(argv):
    if len(argv) < 3:
        sys.stderr.write(__doc__)
        return 64
    results = Results(argv[1])
    command, rest = argv[2], argv[3:]
    if command == 'meson':
        meson(results, *rest)
    elif command == 'go':
        go(results, rest[0], sys.stdin)
    elif command == 'select':
        select(rest[0], rest[1], rest[2:])
    elif command == 'add':
        results.add(*rest)
    elif command == 'summary':
        return summary(results)
    else:
        sys.stderr.write(__doc__)
        return 64
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
