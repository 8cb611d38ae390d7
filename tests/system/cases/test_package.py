"""What the package itself brings along: owners, modes, size, hardened programs and their debug symbols, no key."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from case import Case

INSTALLED_OCTETS = 8_000_000
PROGRAMS = ('usr/bin/antigravity-proxy', 'usr/libexec/antigravity-proxy/antigravity-proxy-finder',
            'usr/libexec/antigravity-proxy/antigravity-proxy-helper', 'usr/libexec/antigravity-proxy/antigravity-proxyd')


def said_by(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


class Package(Case):
    def listed(self):
        """(mode, owner, octets, path) of everything in it."""
        text = said_by('dpkg-deb', '--contents', self.world.deb)
        rows = [line.split(maxsplit=5) for line in text.splitlines()]
        self.assertGreater(len(rows), 20, text)
        return [(row[0], row[1], int(row[2]), row[5]) for row in rows]

    def unpacked(self, package=None):
        folder = Path(tempfile.mkdtemp(prefix='agp-package-', dir='/var/tmp'))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        said_by('dpkg-deb', '--extract', package or self.world.deb, folder)
        return folder

    def test_it_takes_little_room(self):
        # Both, because the field is what people are told and the files are what is there.
        self.assertLessEqual(sum(octets for _, _, octets, _ in self.listed()), INSTALLED_OCTETS)
        self.assertLessEqual(1024 * int(said_by('dpkg-deb', '--field', self.world.deb, 'Installed-Size')), INSTALLED_OCTETS)

    def test_the_debug_symbols_are_those_of_the_installed_programs(self):
        if not shutil.which('readelf'):
            self.skipTest('readelf is not installed (package binutils)')
        symbols = self.unpacked(self.world.deb.with_name(self.world.deb.name.replace('_', '-dbgsym_', 1)))
        for program in PROGRAMS:
            with self.subTest(program=program):
                notes = said_by('readelf', '--notes', self.box.root / program)
                identity = re.search('Build ID: ([0-9a-f]{40})', notes).group(1)
                file = symbols / 'usr/lib/debug/.build-id' / identity[:2] / f'{identity[2:]}.debug'
                main = re.search(r'([0-9a-f]+) +\d+ FUNC .* main$', said_by('readelf', '--syms', '--wide', file), re.MULTILINE)
                self.assertRegex(said_by('addr2line', '--inlines', '--exe', file, main.group(1)), r'/main\.cpp:\d+')

    # threat-model 89
    def test_everything_is_roots_and_nothing_gives_privilege(self):
        for mode, owner, _, path in self.listed():
            with self.subTest(path=path):
                self.assertEqual('root/root', owner)
                self.assertNotRegex(mode, '[sStT]', 'setuid, setgid or sticky')
                self.assertTrue(mode.startswith('l') or (mode[5] != 'w' and mode[8] != 'w'), f'{mode}: others may write')
                self.assertNotRegex(path, r'sudoers|pkexec|/etc/pam\.d|ca-certificates|/etc/ssl')

    # threat-model 89
    def test_what_is_installed_has_no_file_capabilities(self):
        # An archive cannot carry them, but a maintainer script could set them.
        for name in self.box.run('dpkg -L antigravity-proxy').out.split():
            path = self.box.root / name.lstrip('/')
            if path.is_symlink() or not path.exists():
                continue
            with self.subTest(path=name):
                self.assertNotIn('security.capability', os.listxattr(path))
                self.assertEqual(0, path.stat().st_mode & 0o6002, 'setuid, setgid or writable by everybody')

    # threat-model 46
    def test_no_key_is_shipped(self):
        found = subprocess.run(['grep', '-r', '-l', '-a', '-E', r'BEGIN [A-Z ]*PRIVATE KEY-----.[A-Za-z0-9+/]{20}', str(self.unpacked())],
                               capture_output=True, text=True).stdout
        self.assertEqual('', found)

    def test_what_it_is_made_of_is_said_for_this_release(self):
        document = json.loads((self.unpacked() / 'usr/share/antigravity-proxy/sbom.spdx.json').read_text(encoding='utf-8'))
        versions = {package['name']: package['versionInfo'] for package in document['packages']}
        version = lambda name: self.box.run('dpkg-query', '--show', '--showformat', '${Version}', name).out
        self.assertEqual(version('antigravity-proxy'), versions['antigravity-proxy'])
        self.assertTrue(version('libsqlite3-0').startswith(f'{versions["sqlite"]}-'), versions)

    # threat-model 92
    def test_every_program_is_hardened(self):
        if not shutil.which('readelf'):
            self.skipTest('readelf is not installed (package binutils)')
        folder = self.unpacked()
        programs = [path for path in sorted(folder.rglob('*')) if path.is_file() and path.read_bytes()[:4] == b'\x7fELF']
        self.assertEqual(list(PROGRAMS), [str(p.relative_to(folder)) for p in programs])
        for program in programs:
            with self.subTest(program=program.name):
                text = subprocess.run(['readelf', '-W', '-h', '-l', '-d', '--dyn-syms', str(program)], check=True, capture_output=True,
                                      text=True).stdout
                self.assertRegex(text, r'Type: +DYN', 'no position-independent program')
                self.assertRegex(text, r'FLAGS_1\) +Flags: .*PIE')
                self.assertRegex(text, r'GNU_RELRO ', 'no RELRO')
                self.assertRegex(text, r'BIND_NOW', 'RELRO is not full')
                self.assertRegex(text, r'__stack_chk_fail', 'no stack protector')
                self.assertRegex(text, r'__\w+_chk\b(?<!stack_chk)', 'not fortified')
                stack = re.search(r'GNU_STACK .* (R[WE ]+) +0x', text)
                self.assertNotIn('E', stack.group(1) if stack else 'E', 'the stack is executable')
                self.assertNotRegex(text, r'RPATH|RUNPATH')
