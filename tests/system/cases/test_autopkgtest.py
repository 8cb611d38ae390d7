"""The tests that the Debian package brings along, run by autopkgtest as Debian's own machines would."""

import re
import subprocess
import tempfile
from pathlib import Path

from case import Case

PREPARE = Path(__file__).resolve().parents[3] / 'packaging' / 'prepare'
SOURCE = '/var/tmp/autopkgtest/antigravity-proxy'
# The container that it runs in isolates them already: the runner "null" has none to offer.
RUN = ('autopkgtest', '--no-built-binaries', '--ignore-restrictions=isolation-container', f'{SOURCE}/', '--', 'null')


class Autopkgtest(Case):
    def setUp(self):
        super().setUp()
        # As it is installed, without what other cases configure.
        self.world.purge()
        self.world.install()
        self.addCleanup(self.box.run, f'rm -rf {SOURCE.rpartition("/")[0]}')

    def copy_in(self):
        """The part of the source package that is read: debian/. Returns the names of its tests."""
        with tempfile.TemporaryDirectory(prefix='agp-debian-') as folder:
            debian = Path(folder) / 'debian'
            subprocess.run([str(PREPARE), 'debian', str(debian)], check=True)
            # A build leaves this one. A tree that was built is taken as it is, without the tools for building.
            (debian / 'files').write_text('antigravity-proxy.deb net optional\n')
            for path in (path for path in debian.rglob('*') if path.is_file()):
                self.box.write(f'{SOURCE}/debian/{path.relative_to(debian)}', path.read_text(encoding='utf-8'), path.stat().st_mode & 0o777)
            return sorted(' '.join(re.findall(r'^Tests: (.*)$', (debian / 'tests' / 'control').read_text(), re.M)).split())

    def test_each_of_them_passes(self):
        names = self.copy_in()
        done = self.box.run(*RUN, check=False, timeout=300)
        # A test that is skipped is no success here: 2.
        self.assertEqual(0, done.code, done)
        self.assertEqual([(name, 'PASS') for name in names], sorted(re.findall(r'^(\S+) +(PASS|FAIL|SKIP|FLAKY)', done.text.rpartition(' summary')[2], re.M)))
        self.assertEqual(['programs', 'service'], names)
        self.assertNothingLeft()
