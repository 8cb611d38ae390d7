"""The counting behind the last line of scripts/test: nothing that failed may look passed."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts' / 'lib'))
sys.dont_write_bytecode = True
import results  # noqa: E402

JUNIT = '''<?xml version='1.0' encoding='utf8'?>
<testsuites tests="3" errors="0" failures="1">
  <testsuite name="antigravity-proxy.daemon-sse.Parser" tests="2" failures="1" skipped="0">
    <testcase name="Splits" classname="Parser" status="run" result="completed"/>
    <testcase name="Refuses" classname="Parser"><failure message="expected 1">x</failure></testcase>
  </testsuite>
  <testsuite name="antigravity-proxy.daemon-sse.Net" tests="1">
    <testcase name="NeedsRoot" classname="Net" result="skipped"><skipped message="needs root"/></testcase>
  </testsuite>
  <testsuite name="antigravity-proxy.unit" tests="1"><testcase name="plain"/></testsuite>
</testsuites>
'''


class Counting(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)
        self.results = results.Results(self.directory / 'results.jsonl')

    def log(self, tests, junit=None):
        (self.directory / 'testlog.json').write_text(''.join(json.dumps(t) + '\n' for t in tests))
        if junit:
            (self.directory / 'testlog.junit.xml').write_text(junit)
        results.meson(self.results, 'host', self.directory)
        return [(e['level'], e['name'], e['result']) for e in self.results.all()]

    def summary(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = results.summary(self.results)
        return code, out.getvalue()

    def test_counts_each_case_of_a_gtest_program(self):
        found = self.log([{'name': 'antigravity-proxy:unit / daemon-sse', 'suite': ['antigravity-proxy:unit'],
                           'result': 'FAIL'}], JUNIT)
        self.assertEqual([('host unit', 'daemon-sse: Parser.Splits', 'pass'),
                          ('host unit', 'daemon-sse: Parser.Refuses', 'fail'),
                          ('host unit', 'daemon-sse: Net.NeedsRoot', 'skip')], found)

    def test_counts_any_other_test_as_one(self):
        found = self.log([{'name': 'plain', 'suite': ['antigravity-proxy:unit'], 'result': 'OK'}], JUNIT)
        self.assertEqual([('host unit', 'plain', 'pass')], found)

    def test_a_program_that_fails_although_its_cases_passed_is_a_failure(self):
        junit = JUNIT.replace('<failure message="expected 1">x</failure>', '')
        found = self.log([{'name': 'daemon-sse', 'result': 'FAIL', 'stdout': 'LeakSanitizer'}], junit)
        self.assertEqual(1, sum(1 for f in found if f[2] == 'fail'))

    def test_a_crash_without_any_case_is_a_failure(self):
        self.assertEqual([('host', 'daemon-sse', 'fail')], self.log([{'name': 'daemon-sse', 'result': 'ERROR'}]))

    def test_a_time_out_is_a_failure(self):
        self.assertEqual([('host', 'x', 'fail')], self.log([{'name': 'x', 'result': 'TIMEOUT'}]))

    def test_a_skip_says_why(self):
        self.log([{'name': 'x', 'result': 'SKIP', 'stdout': 'needs root'}])
        code, text = self.summary()
        self.assertIn('skipped: host: x: needs root', text)

    def test_a_missing_log_is_a_failure(self):
        results.meson(self.results, 'host', self.directory / 'none')
        self.assertEqual(1, self.summary()[0])

    def test_an_empty_log_is_a_failure(self):
        self.log([])
        self.assertEqual(1, self.summary()[0])

    def test_go_events_count_once_for_each_test(self):
        events = [{'Action': 'run', 'Package': 'a/b', 'Test': 'TestX'},
                  {'Action': 'pass', 'Package': 'a/b', 'Test': 'TestX/sub'},
                  {'Action': 'pass', 'Package': 'a/b', 'Test': 'TestX'},
                  {'Action': 'output', 'Package': 'a/b', 'Test': 'TestY', 'Output': 'why\n'},
                  {'Action': 'skip', 'Package': 'a/b', 'Test': 'TestY'}, {'Action': 'pass', 'Package': 'a/b'}]
        results.go(self.results, 'fakes', [json.dumps(e) for e in events])
        self.assertEqual([('b.TestX', 'pass', ''), ('b.TestY', 'skip', 'why\n')],
                         [(e['name'], e['result'], e['why']) for e in self.results.all()])

    def test_a_go_package_that_does_not_build_is_a_failure(self):
        with contextlib.redirect_stderr(io.StringIO()):
            results.go(self.results, 'fakes', ['x.go:1: syntax error\n',
                                               json.dumps({'Action': 'fail', 'Package': 'a/b'})])
        self.assertEqual(1, self.summary()[0])

    def test_the_last_line_and_the_exit_code_agree(self):
        self.results.add('a', 'x', 'pass')
        self.results.add('a', 'y', 'skip', 'no need')
        code, text = self.summary()
        self.assertEqual((0, '1 passed, 0 failed, 1 skipped'), (code, text.splitlines()[-1]))
        self.results.add('b', 'z', 'fail', 'broken')
        code, text = self.summary()
        self.assertEqual((1, '1 passed, 1 failed, 1 skipped'), (code, text.splitlines()[-1]))

    def test_nothing_passed_is_not_a_success(self):
        self.assertEqual(1, self.summary()[0])


if __name__ == '__main__':
    unittest.main()
