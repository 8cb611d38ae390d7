#!/usr/bin/python3
"""Versions and changelogs of the packages come from VERSION and CHANGELOG.md, and no file says another version.

usage: prepare_test.py SOURCE_ROOT
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1))
VERSION = (ROOT / 'VERSION').read_text().strip()
# What may name versions: all that people read or build from, but not what was measured with one.
SPOKEN = ('*.md', 'docs/**/*', 'packaging/**/*', 'systemd/*', 'polkit/*', 'scripts/**/*', 'web/*', 'common/dbus/*', 'tests/web/*')
MEASURED = ('docs/performance.md',)
OURS = re.compile(r'antigravity-proxy[ _-]v?(\d+\.\d+\.\d+)|(?:^Version: +|[\'"]version[\'"]: ?[\'"])(\d+\.\d+\.\d+)', re.M)


def spoken():
    """The version in each place that names one of ours."""
    for path in sorted({path for pattern in SPOKEN for path in ROOT.glob(pattern)}):
        name = str(path.relative_to(ROOT))
        if not path.is_file() or path.suffix in ('.png', '.pyc') or name in MEASURED:
            continue
        for match in OURS.finditer(path.read_text(encoding='utf-8')):
            yield name, match[1] or match[2]


class Prepare(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix='agp-prepare-'))
        self.addCleanup(shutil.rmtree, self.folder)

    def prepare(self, *arguments, root=ROOT, epoch='1700000000'):
        environment = {key: value for key, value in os.environ.items() if key != 'SOURCE_DATE_EPOCH'}
        if epoch:
            environment['SOURCE_DATE_EPOCH'] = epoch
        return subprocess.run([sys.executable, '-B', str(root / 'packaging' / 'prepare'), *map(str, arguments)],
                              capture_output=True, text=True, env=environment)

    def sources(self):
        """A copy of what the packages are prepared from, and that is no checkout."""
        root = self.folder / 'sources'
        (root / 'web').mkdir(parents=True)
        shutil.copytree(ROOT / 'packaging', root / 'packaging')
        shutil.copytree(ROOT / 'web' / 'vendor', root / 'web' / 'vendor')
        for name in ('VERSION', 'CHANGELOG.md'):
            shutil.copy(ROOT / name, root / name)
        return root

    def test_debian_is_whole(self):
        made = self.folder / 'debian'
        self.assertEqual(0, self.prepare('debian', made).returncode)
        text = (made / 'changelog').read_text(encoding='utf-8')
        self.assertTrue(text.startswith(f'antigravity-proxy ({VERSION}) '), text[:60])
        maintainer = re.search(r'^Maintainer: (.*)$', (made / 'control').read_text(), re.M)[1]
        self.assertIn(f'\n -- {maintainer}  ', text)
        self.assertTrue(os.access(made / 'rules', os.X_OK))
        # Once more, over what a build has left there.
        self.assertEqual(0, self.prepare('debian', made).returncode)

    def test_the_spec_is_whole(self):
        file = self.folder / 'antigravity-proxy.spec'
        self.assertEqual(0, self.prepare('spec', file).returncode)
        text = file.read_text(encoding='utf-8')
        self.assertEqual([VERSION], re.findall(r'^Version: +(.*)$', text, re.M))
        self.assertRegex(text, r'(?m)^Provides: +bundled\(js-uplot\) = \d+\.\d+\.\d+$')
        self.assertRegex(text, rf'%changelog\n\* \w+ \w+ \d\d \d{{4}} .* - {re.escape(VERSION)}-1\n')
        self.assertNotRegex(text, r'@[A-Z]+@')

    def test_the_date_is_that_of_the_builder_or_of_the_sources(self):
        root = self.sources()
        os.utime(root / 'CHANGELOG.md', (1600000000, 1600000000))
        text = (root / 'CHANGELOG.md').read_text(encoding='utf-8')
        (root / 'CHANGELOG.md').write_text(re.sub(r'^(## \S+) \(.*\)', r'\1 (unreleased)', text, count=1, flags=re.M), encoding='utf-8')
        os.utime(root / 'CHANGELOG.md', (1600000000, 1600000000))
        git = ('git', '-C', str(root), '-c', 'user.name=n', '-c', 'user.email=e@example.test', '-c', 'commit.gpgsign=false')
        steps = [('1700000000', 'Tue, 14 Nov 2023 22:13:20 +0000', []), ('', 'Sun, 13 Sep 2020 12:26:40 +0000', [])]
        if shutil.which('git'):
            # Without a commit there is no time of one.
            steps += [('', 'Sun, 13 Sep 2020 12:26:40 +0000', [*git, 'init', '--quiet']),
                      ('', 'Wed, 18 May 2033 03:33:20 +0000', [*git, 'commit', '--quiet', '--allow-empty', '--message=m'])]
        for epoch, day, command in steps:
            if command:
                subprocess.run(command, check=True, env={**os.environ, 'GIT_COMMITTER_DATE': '2000000000 +0000'})
            self.assertEqual(0, self.prepare('debian', root / 'debian', root=root, epoch=epoch).returncode)
            self.assertIn(day, (root / 'debian' / 'changelog').read_text(encoding='utf-8'))

    def test_a_changelog_of_another_version_is_refused(self):
        root = self.sources()
        (root / 'VERSION').write_text('99.0.0\n')
        done = self.prepare('debian', root / 'debian', root=root)
        self.assertNotEqual(0, done.returncode)
        self.assertIn('VERSION says 99.0.0', done.stderr)
        self.assertFalse((root / 'debian').exists())

    def test_no_changelog_is_kept_by_hand(self):
        self.assertFalse((ROOT / 'packaging' / 'debian' / 'changelog').exists())
        self.assertIn('\n%changelog\n@CHANGELOG@', (ROOT / 'packaging' / 'rpm' / 'antigravity-proxy.spec.in').read_text())

    def test_no_file_says_another_version(self):
        said = list(spoken())
        self.assertIn('README.md', [name for name, _ in said], 'the version is no longer found where it is known to be')
        self.assertEqual([], [(name, version) for name, version in said if version != VERSION])


if __name__ == '__main__':
    unittest.main()
