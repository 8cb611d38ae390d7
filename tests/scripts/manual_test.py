#!/usr/bin/python3
"""The manual page of the command says what its grammar says, and all pages are well-formed.

usage: manual_test.py AGP_PAGES PAGE_OF_THE_COMMAND SOURCE_ROOT
"""

import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

PAGES, PAGE, ROOT = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
# What the page mentions of other programs, and of the command itself alone.
FOREIGN = {'--version'}


def table():
    out = subprocess.run([PAGES, 'table'], capture_output=True, text=True, check=True).stdout
    return [line.split('\t') for line in out.splitlines()]


def plain(page):
    """The text of a page without fonts and with plain dashes."""
    return re.sub(r'\\f[BIRP]', '', page).replace('\\-', '-').replace('\\e', '\\')


class Manual(unittest.TestCase):
    def setUp(self):
        self.page = plain(PAGE.read_text(encoding='utf-8'))
        self.sections = dict(re.findall(r'^\.SS (.*)\n((?:(?!\.S[SH] ).*\n)*)', self.page, re.M))

    def section(self, name):
        found = [text for title, text in self.sections.items() if title == name or title.startswith(name + ' ')]
        self.assertEqual(1, len(found), f'{name}: {len(found)} sections')
        return found[0]

    def test_every_verb_has_its_options_and_codes(self):
        common = self.section('Options of every verb')
        filters = self.section('Filters')
        for name, options, codes in table():
            with self.subTest(verb=name):
                text = self.section(name)
                shared = common + (filters if 'filters below' in text else '')
                for option in options.split():
                    self.assertRegex(text + shared, rf'(?m)^\.TP\n{option.rstrip("=")}( |$)')
                self.assertIn(f'Ends with {", ".join(codes.split())}.\n', text)
                self.assertIn(f'antigravity-proxy {name}', self.page)

    def test_nothing_is_documented_that_there_is_not(self):
        known = {option.rstrip('=') for _, options, _ in table() for option in options.split()} | FOREIGN
        mentioned = set(re.findall(r'(?<![\w-])--[a-z][a-z-]*', re.sub(r'(?m)^(curl|loginctl) .*', '', self.page)))
        self.assertGreater(len(mentioned), 10)
        self.assertEqual(set(), mentioned - known)
        names = {name for name, _, _ in table()}
        titles = {' '.join(re.match(r'[a-z -]+', title)[0].split()) for title in self.sections if re.match('[a-z]', title)}
        self.assertEqual(names, titles)

    def test_every_code_is_explained(self):
        text = self.page.split('.SH EXIT STATUS\n')[1].split('.SH ')[0]
        codes = {code for _, _, codes in table() for code in codes.split()}
        self.assertEqual(codes, set(re.findall(r'(?m)^\.B (\d+)$', text)))

    def test_pages_are_well_formed(self):
        pages = [PAGE, *(each for each in sorted((ROOT / 'docs' / 'man').glob('*.[1-8]')) if each.name != PAGE.name)]
        self.assertGreater(len(pages), 5)
        for page in pages:
            with self.subTest(page=page.name):
                self.assertEqual([], self.faults(page))

    def faults(self, page):
        if shutil.which('mandoc'):
            # A page without a date is the same whenever it is built.
            done = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', page], capture_output=True, text=True, check=False)
            return [line for line in done.stdout.splitlines() if 'missing date' not in line]
        if shutil.which('man') is None:
            self.skipTest('neither mandoc nor man is installed')
        done = subprocess.run(['man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', page], capture_output=True, text=True, check=False,
                              env={**os.environ, 'LC_ALL': 'C.UTF-8', 'MANROFFSEQ': '', 'MANWIDTH': '80'})
        return done.stderr.splitlines()


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
