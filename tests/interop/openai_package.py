"""The official client library of OpenAI for Node, fetched once by npm into a cache outside of the checkout.

The version is pinned and so is its content: what npm gives is unpacked only if its hash is the one below. It has
no dependencies, and nothing of it is run at installation.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

VERSION = '6.10.0'
INTEGRITY = 'sha512-ITxOGo7rO3XRMiKA5l7tQ43iNNu+iXGFAcf2t+aWVzzqRaS0i7m1K2BhxNdaveB+5eENhO0VY1FkiZzhBk4v3A=='
CACHE = Path(os.environ.get('AGP_CACHE', '/var/cache/antigravity-proxy-dev')) / 'npm'
# What the runner found, for the cases: they run where there is no network.
FOUND, MISSING = 'AGP_OPENAI_PACKAGE', 'AGP_OPENAI_MISSING'


class Unavailable(Exception):
    """Why there is no such library here."""


def integrity_of(file):
    return 'sha512-' + base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()


def pack(folder):
    if not shutil.which('npm') or not shutil.which('node'):
        raise Unavailable('npm or node is not installed (packages npm and nodejs)')
    command = ['npm', 'pack', '--silent', '--ignore-scripts', f'openai@{VERSION}']
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired as late:
        raise Unavailable('npm did not answer within two minutes: is there a network?') from late
    if done.returncode != 0:
        raise Unavailable(f'npm cannot fetch openai {VERSION}: {done.stderr.strip()[-300:]}')
    return folder / f'openai-{VERSION}.tgz'


def fetch():
    """The folder of the unpacked library."""
    target = CACHE / f'openai-{VERSION}'
    if (target / 'package.json').exists():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        archive = pack(Path(name))
        found = integrity_of(archive)
        if found != INTEGRITY:
            raise AssertionError(f'openai {VERSION} is not what it was: {found} instead of {INTEGRITY}')
        with tarfile.open(archive) as content:
            content.extractall(name)  # the hash says that it is the one we know
        for path in [Path(name) / 'package', *(Path(name) / 'package').rglob('*')]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        (Path(name) / 'package').rename(target)
    CACHE.chmod(0o755)
    return target


def announce():
    """Leaves word for the cases."""
    try:
        os.environ[FOUND] = str(fetch())
    except Unavailable as why:
        os.environ[MISSING] = str(why)
