#!/usr/bin/python3
"""CHANGELOG.md becomes the changelogs of the packages as their own tools read them.

usage: changelog_test.py SOURCE_ROOT
"""

import shutil
import subprocess
import sys
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(sys.argv.pop(1))
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / 'packaging'))

import changelog  # noqa: E402

TEXT = '''# Changelog

## 0.10.0 (unreleased)

What it is,
in two lines.

**Capture**

- An item that is long enough to be taken apart, since packages wrap their changelogs at less than
  what `CHANGELOG.md` allows itself.

- `guard --min-remaining 20%` is its own.

## 0.9.1 (2026-01-05)

- Older.
'''
MAINTAINER = 'Some Body <some.body@example.test>'
NOW = datetime(2026, 11, 22, 23, 30, 5, tzinfo=timezone.utc)
DEBIAN = '''antigravity-proxy (0.10.0) UNRELEASED; urgency=medium

  What it is, in two lines.

  Capture:
  * An item that is long enough to be taken apart, since packages wrap their
    changelogs at less than what `CHANGELOG.md` allows itself.
  * `guard --min-remaining 20%` is its own.

 -- Some Body <some.body@example.test>  Sun, 22 Nov 2026 23:30:05 +0000

antigravity-proxy (0.9.1) unstable; urgency=medium

  * Older.

 -- Some Body <some.body@example.test>  Mon, 05 Jan 2026 12:00:00 +0000
'''
RPM = '''* Sun Nov 22 2026 Some Body <some.body@example.test> - 0.10.0-1
What it is, in two lines.
Capture:
- An item that is long enough to be taken apart, since packages wrap their
  changelogs at less than what `CHANGELOG.md` allows itself.
- `guard --min-remaining 20%%` is its own.

* Mon Jan 05 2026 Some Body <some.body@example.test> - 0.9.1-1
- Older.
'''


def parsed(text, *arguments):
    """What dpkg reads of a changelog; its warnings are faults."""
    done = subprocess.run(['dpkg-parsechangelog', '-l', '-', *arguments], input=text, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


class Changelog(unittest.TestCase):
    maxDiff = None

    def test_debian(self):
        self.assertEqual(DEBIAN, changelog.debian(changelog.parse(TEXT), MAINTAINER, NOW))

    def test_rpm(self):
        self.assertEqual(RPM, changelog.rpm(changelog.parse(TEXT), MAINTAINER, NOW))

    def test_the_day_of_rpm_is_that_of_utc(self):
        east = NOW.astimezone(timezone(timedelta(hours=5)))
        self.assertEqual(RPM, changelog.rpm(changelog.parse(TEXT), MAINTAINER, east))

    @unittest.skipUnless(shutil.which('dpkg-parsechangelog'), 'dpkg-parsechangelog is not installed (package dpkg-dev)')
    def test_dpkg_reads_what_is_made_of_the_real_one(self):
        text = (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')
        entries = changelog.parse(text)
        made = changelog.debian(entries, MAINTAINER, NOW)
        code, out, faults = parsed(made, '--all')
        self.assertEqual((0, ''), (code, faults))
        self.assertIn(f'\nVersion: {entries[0].version}\n', out)
        self.assertEqual([], [line for line in made.splitlines() if len(line) > 80])
        # The comparison would mean nothing if dpkg took everything in silence.
        self.assertNotEqual('', parsed(made.replace(' -- ', ' - '), '--all')[2])

    def test_no_word_of_the_real_one_is_lost(self):
        text = (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')
        entries = changelog.parse(text)
        self.assertGreater(len(entries[0].blocks), 10)
        words = [word for line in text.splitlines() if not line.startswith('#') for word in line.replace('**', '').split() if word != '-']
        kept = [word for entry in entries for _, block in entry.blocks for word in block.split()]
        self.assertEqual(words, kept)

    def test_what_is_not_understood_is_refused(self):
        for wrong in ('', '# Changelog\n\n- An item of no version.\n', TEXT.replace('(unreleased)', '(soon)'),
                      TEXT.replace('2026-01-05', 'unreleased'), TEXT.replace('0.9.1', '0.11.0'), TEXT.replace('0.9.1', '0.10.0'),
                      TEXT.replace('- Older.', '  - Nested.'), TEXT.replace('- Older.', '* Older.'),
                      TEXT.replace('  what `', 'what `')):
            with self.subTest(text=wrong), self.assertRaises(changelog.ChangelogError):
                changelog.parse(wrong)


if __name__ == '__main__':
    unittest.main()
