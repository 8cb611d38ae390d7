"""Packages of npm that cases need, fetched once into a cache outside of the checkout.

The version is pinned and so is the content: what npm gives is unpacked only if its hash is the one below. None
of them has dependencies, and nothing of them is run at installation.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

CACHE = Path(os.environ.get('AGP_CACHE', '/var/cache/antigravity-proxy-dev')) / 'npm'


class Unavailable(Exception):
    """Why there is no such package here."""


def integrity_of(file):
    return 'sha512-' + base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()


class Package:
    def __init__(self, name, version, integrity):
        self.name, self.version, self.integrity = name, version, integrity
        # What the runner found, for the cases: they run where there is no network.
        variable = name.upper().replace('-', '_')
        self.found, self.missing = f'AGP_{variable}_PACKAGE', f'AGP_{variable}_MISSING'

    def _pack(self, folder):
        if not shutil.which('npm') or not shutil.which('node'):
            raise Unavailable('npm or node is not installed (packages npm and nodejs)')
        command = ['npm', 'pack', '--silent', '--ignore-scripts', f'{self.name}@{self.version}']
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired as late:
            raise Unavailable('npm did not answer within two minutes: is there a network?') from late
        if done.returncode != 0:
            raise Unavailable(f'npm cannot fetch {self.name} {self.version}: {done.stderr.strip()[-300:]}')
        return folder / f'{self.name}-{self.version}.tgz'

    def fetch(self):
        """The folder of the unpacked package."""
        target = CACHE / f'{self.name}-{self.version}'
        if (target / 'package.json').exists():
            return target
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            archive = self._pack(Path(name))
            found = integrity_of(archive)
            if found != self.integrity:
                raise AssertionError(f'{self.name} {self.version} is not what it was: {found} instead of {self.integrity}')
            with tarfile.open(archive) as content:
                content.extractall(name)  # the hash says that it is the one we know
            for path in [Path(name) / 'package', *(Path(name) / 'package').rglob('*')]:
                path.chmod(0o755 if path.is_dir() else 0o644)
            (Path(name) / 'package').rename(target)
        CACHE.chmod(0o755)
        return target

    def announce(self):
        """Leaves word for the cases."""
        try:
            os.environ[self.found] = str(self.fetch())
        except Unavailable as why:
            os.environ[self.missing] = str(why)

    def folder_or_skip(self, test):
        """Where it is; without it the case is skipped, which says why."""
        if self.found not in os.environ:
            test.skipTest(os.environ.get(self.missing, f'{self.name} was not fetched'))
        return Path(os.environ[self.found])


# The official client library of OpenAI for Node.
OPENAI = Package('openai', '6.10.0',
                 'sha512-ITxOGo7rO3XRMiKA5l7tQ43iNNu+iXGFAcf2t+aWVzzqRaS0i7m1K2BhxNdaveB+5eENhO0VY1FkiZzhBk4v3A==')
# The rules of Deque for pages that everybody can use, to be run in a browser.
AXE = Package('axe-core', '4.14.1',
              'sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==')
# By the first letters of the names of the cases that need them.
NEEDED_BY = {'OpenAi': OPENAI, 'Page': AXE}
