"""The check of the threat model must notice each way in which document and tests may part."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))
sys.dont_write_bytecode = True
import check_threat_model  # noqa: E402

CPP = 'tests/helper/file_test.cpp'
PYTHON = 'tests/system/cases/test_it.py'


class CheckThreatModel(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.root = Path(self.temporary.name)
        self.write(CPP, '// threat-model 1\n// threat-model 2\n// Why.\nTEST_F(File, IsNotFollowed) {\n')
        self.write(PYTHON, 'class It:\n    # threat-model 2\n    @skip\n    def test_it(self):\n')
        self.document((1, 'A link is not followed', f'`{CPP}` IsNotFollowed'),
                      (2, 'Nor is this', f'`{CPP}` IsNotFollowed; `{PYTHON}` test_it'),
                      (3, 'A chip is there', '—'), exceptions=[(3, 'needs the chip', 'nothing')])

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')

    def document(self, *rows, exceptions=()):
        table = [' | '.join(['', *map(str, row), '']).strip() for row in rows]
        excused = [' | '.join(['', *map(str, row), '']).strip() for row in exceptions]
        self.write(check_threat_model.DOCUMENT, '\n'.join(
            ['# Threat model', '| 9 | is no row | of the list |', '## The checklist', '| | Claim | Tests |', '|---|---|---|', *table,
             '## What no test shows', *excused, '']))

    def text(self):
        return (self.root / check_threat_model.DOCUMENT).read_text(encoding='utf-8')

    def only_fault(self):
        faults = check_threat_model.check(self.root)[0]
        self.assertEqual(1, len(faults), faults)
        return faults[0]

    def test_accepts_a_document_that_says_what_the_marks_say(self):
        self.assertEqual(([], 3), check_threat_model.check(self.root))

    def test_a_number_without_test_and_without_excuse_is_a_fault(self):
        self.write(CPP, '// threat-model 2\nTEST(File, IsNotFollowed) {\n')
        self.document((1, 'A link is not followed', '—'), (2, 'Nor is this', f'`{CPP}` IsNotFollowed; `{PYTHON}` test_it'))
        self.assertIn('no test has the mark "threat-model 1"', self.only_fault())

    def test_a_mark_without_a_row_is_a_fault(self):
        self.write('tests/fakes/it_test.go', '// threat-model 40\nfunc TestIt(t *testing.T) {\n')
        self.assertEqual('tests/fakes/it_test.go: the mark "threat-model 40" has no row in docs/threat-model.md', self.only_fault())

    def test_a_file_or_a_test_that_the_row_does_not_name_is_a_fault(self):
        for name, text in (('tests/other_test.cpp', '// threat-model 1\nTEST(Other, One) {\n'),
                           (CPP, '// threat-model 2\nTEST(File, IsNotFollowed) {\n// threat-model 1\nTEST(File, Renamed) {\n')):
            with self.subTest(name=name):
                self.setUp()
                self.write(name, text)
                self.assertIn('the marks of number 1 say', self.only_fault())

    def test_a_test_that_lost_its_mark_is_a_fault(self):
        self.write(PYTHON, 'class It:\n    def test_it(self):\n')
        self.assertIn('the marks of number 2 say', self.only_fault())

    def test_what_only_looks_like_a_mark_is_a_fault(self):
        for line in ('// threat-model 1, 2', '// see threat-model 1', '//threat-model 1', '# Threat-Model 1', '// threat-model 01'):
            with self.subTest(line=line):
                self.write('tests/odd_test.cpp', f'{line}\nTEST(Odd, One) {{\n')
                self.assertIn('tests/odd_test.cpp:1: not the form of a mark', self.only_fault())

    def test_rows_are_numbered_without_gaps_and_once(self):
        row = (1, 'A link is not followed', f'`{CPP}` IsNotFollowed')
        other = (2, 'Nor is this', f'`{CPP}` IsNotFollowed; `{PYTHON}` test_it')
        for rows in ((row, other, other), (other, row)):
            with self.subTest(rows=rows):
                self.document(*rows)
                self.assertIn('not 1, 2, 3', self.only_fault())

    def test_an_exception_needs_a_reason_and_a_number_that_exists(self):
        self.document((1, 'A link is not followed', f'`{CPP}` IsNotFollowed'),
                      (2, 'Nor is this', f'`{CPP}` IsNotFollowed; `{PYTHON}` test_it'), exceptions=[(3, 'why', 'nothing')])
        self.assertIn('an exception for 3, which the checklist does not have', self.only_fault())
        self.document((1, 'A link is not followed', f'`{CPP}` IsNotFollowed'),
                      (2, 'Nor is this', f'`{CPP}` IsNotFollowed; `{PYTHON}` test_it'), exceptions=[(2, 'why', '')])
        self.assertIn('an exception has three cells', self.only_fault())

    def test_write_puts_the_marks_into_the_document_and_leaves_the_rest(self):
        before = self.text()
        self.write('tests/fuzz/meson.build', "# threat-model 3\nforeach name : targets\n")
        self.assertEqual([], check_threat_model.check(self.root, write=True)[0])
        self.assertEqual(before.replace('| 3 | A chip is there | — |', '| 3 | A chip is there | `tests/fuzz/meson.build` |'), self.text())
        self.assertEqual([], check_threat_model.check(self.root)[0])

    def test_samples_are_no_tests(self):
        self.write('tests/data/odd.py', '# threat-model 1, 2\n')
        self.assertEqual([], check_threat_model.check(self.root)[0])

    def test_no_document_and_no_checklist_are_failures(self):
        self.write(check_threat_model.DOCUMENT, '# Threat model\n')
        self.assertEqual(1, check_threat_model.main(['check', str(self.root)]))
        (self.root / check_threat_model.DOCUMENT).unlink()
        self.assertEqual(1, check_threat_model.main(['check', str(self.root)]))


if __name__ == '__main__':
    unittest.main()
