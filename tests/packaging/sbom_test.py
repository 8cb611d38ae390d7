#!/usr/bin/python3
"""The bill of materials is SPDX 2.3, and names what the programs are made of: no more, no less.

usage: sbom_test.py SOURCE_ROOT BUILD_ROOT SBOM PROGRAM...
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT, BUILD, SBOM, *PROGRAMS = map(Path, sys.argv[1:])
del sys.argv[1:]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / 'packaging'))

import sbom  # noqa: E402

# Debian 12 has nothing that validates SPDX. Of its JSON schema (draft 7, "additionalProperties": false), what is used here.
DOCUMENT = {'spdxVersion', 'dataLicense', 'SPDXID', 'name', 'documentNamespace', 'comment', 'creationInfo', 'packages', 'relationships'}
PACKAGE = {'SPDXID', 'name', 'versionInfo', 'supplier', 'downloadLocation', 'filesAnalyzed', 'homepage', 'licenseConcluded', 'licenseDeclared',
           'copyrightText', 'primaryPackagePurpose', 'externalRefs'}
PACKAGE_MAY = {'comment', 'sourceInfo', 'checksums'}
PURPOSES = {'APPLICATION', 'LIBRARY', 'FILE'}
RELATIONS = {'DESCRIBES', 'DYNAMIC_LINK', 'CONTAINS'}
# A part that is found under another name: libcrypto is one half of OpenSSL.
SAME = {'libcrypto': 'openssl'}
# Neither is in the programs: the C library has threads, and the rest is for tests.
NO_PART = {'threads', 'gtest_main', 'gmock'}
OF_THE_COMPILER = {'glibc', 'libstdc++'}
SANITIZERS = re.compile(r'lib(asan|ubsan|tsan|lsan)\.so')


def made(*parts, epoch='1700000000'):
    """The document of other parts than those of this build, as octets."""
    with tempfile.TemporaryDirectory(prefix='agp-sbom-') as folder:
        file = Path(folder) / 'sbom.spdx.json'
        done = subprocess.run([sys.executable, '-B', str(ROOT / 'packaging' / 'sbom.py'), str(file), *parts], capture_output=True, text=True,
                              env={**os.environ, 'SOURCE_DATE_EPOCH': epoch})
        return done.returncode, file.read_bytes() if file.exists() else b'', done.stderr


def needed(program):
    text = subprocess.run(['readelf', '-d', str(program)], check=True, capture_output=True, text=True).stdout
    found = {name for name in re.findall(r'\(NEEDED\).*\[(.+)\]', text) if not SANITIZERS.match(name)}
    assert 'libc.so.6' in found, text
    return found


class Sbom(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.document = json.loads(SBOM.read_text(encoding='utf-8'))
        self.packages = {package['name']: package for package in self.document['packages']}
        # The parts by their names in meson.build.
        self.parts = {key: self.packages[part.name] for key, part in sbom.PARTS.items()}

    def linked(self, name):
        package = self.packages[name]
        return {relation['relationshipType'] for relation in self.document['relationships'] if relation['relatedSpdxElement'] == package['SPDXID']}

    def test_it_is_spdx(self):
        self.assertEqual(DOCUMENT, set(self.document))
        self.assertEqual(('SPDX-2.3', 'CC0-1.0', 'SPDXRef-DOCUMENT'), tuple(self.document[key] for key in ('spdxVersion', 'dataLicense', 'SPDXID')))
        self.assertRegex(self.document['documentNamespace'], r'^https://[^#\s]+/antigravity-proxy-\d+\.\d+\.\d+-[0-9a-f-]{36}$')
        self.assertEqual({'created', 'creators'}, set(self.document['creationInfo']))
        self.assertRegex(self.document['creationInfo']['created'], r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$')
        self.assertRegex(self.document['creationInfo']['creators'][0], r'^Tool: \S+-\d+\.\d+\.\d+$')
        for package in self.document['packages']:
            with self.subTest(package=package['name']):
                self.assertEqual(set(), PACKAGE - set(package))
                self.assertEqual(set(), set(package) - PACKAGE - PACKAGE_MAY)
                self.assertRegex(package['SPDXID'], r'^SPDXRef-[A-Za-z0-9.-]+$')
                self.assertRegex(package['versionInfo'], r'^\d[\w.]*$')
                self.assertIn(package['primaryPackagePurpose'], PURPOSES)
                self.assertRegex(package['licenseDeclared'], r'^[A-Za-z0-9.-]+( (OR|AND|WITH) [A-Za-z0-9.-]+)*$')
                [reference] = package['externalRefs']
                self.assertRegex(reference['referenceLocator'], rf'^pkg:(generic|npm)/\S+@{re.escape(package["versionInfo"])}$')
                for checksum in package.get('checksums', ()):
                    self.assertEqual('SHA512', checksum['algorithm'])
                    self.assertRegex(checksum['checksumValue'], r'^[0-9a-f]{128}$')

    def test_every_package_is_related_to_ours(self):
        identifiers = [package['SPDXID'] for package in self.document['packages']]
        self.assertEqual(len(identifiers), len(set(identifiers)))
        related = {'SPDXRef-antigravity-proxy'}
        for relation in self.document['relationships']:
            self.assertIn(relation['relationshipType'], RELATIONS)
            self.assertIn(relation['spdxElementId'], ('SPDXRef-DOCUMENT', 'SPDXRef-antigravity-proxy'))
            related.add(relation['relatedSpdxElement'])
        self.assertEqual(set(identifiers), related)
        self.assertEqual((ROOT / 'VERSION').read_text().strip(), self.packages['antigravity-proxy']['versionInfo'])

    def test_every_dependency_of_the_build_is_named_with_its_version(self):
        files = [path for path in ROOT.rglob('meson.build') if path.relative_to(ROOT).parts[0] in ('common', 'helper', 'daemon', 'cli', 'web', 'meson.build')]
        used = {SAME.get(name, name) for path in files for name in re.findall(r"(?<!\w)dependency\('([^']+)'", path.read_text(encoding='utf-8'))}
        self.assertGreater(len(used), 10)
        self.assertEqual(used - NO_PART, set(self.parts) - OF_THE_COMPILER)
        found = json.loads((BUILD / 'meson-info' / 'intro-dependencies.json').read_text())
        versions = {dependency['name']: dependency['version'] for dependency in found if dependency['name'] in self.parts}
        self.assertEqual(versions, {key: self.parts[key]['versionInfo'] for key in versions})
        self.assertEqual(used - NO_PART, set(versions))

    def test_every_library_that_a_program_needs_is_in_a_package(self):
        libraries = {library: next((key for key, part in sbom.PARTS.items() if library.startswith(part.libraries)), None)
                     for program in PROGRAMS for library in needed(program)}
        self.assertEqual([], [library for library, part in libraries.items() if not part])
        # And none is named that nothing needs.
        self.assertEqual(set(), {key for key, part in sbom.PARTS.items() if part.libraries} - set(libraries.values()))
        for key, part in sbom.PARTS.items():
            self.assertEqual(bool(part.libraries), 'DYNAMIC_LINK' in self.linked(part.name), key)
        [boost] = [library for library in libraries if library.startswith('libboost_json.so.')]
        self.assertEqual(boost.removeprefix('libboost_json.so.'), self.parts['boost']['versionInfo'])

    def test_what_is_bundled_is_named(self):
        self.assertEqual(set(), {path.name for path in (ROOT / 'web' / 'vendor').iterdir()} - set(self.packages))
        for name in ('uplot', 'genai-prices', 'boost'):
            self.assertIn('CONTAINS', self.linked(name))
        self.assertIn(f'(v{self.packages["uplot"]["versionInfo"]})', (ROOT / 'web' / 'vendor' / 'uplot' / 'uPlot.esm.js').read_text(encoding='utf-8'))
        self.assertIn(f'genai-prices {self.packages["genai-prices"]["versionInfo"]}"', (ROOT / 'data' / 'prices' / 'prices.json').read_text())

    def test_the_same_parts_make_the_same_document(self):
        parts = [f'{key}={package["versionInfo"]}' for key, package in self.parts.items()]
        first, again, later = made(*parts), made(*reversed(parts)), made(*parts, epoch='1800000000')
        self.assertEqual((0, ''), (first[0], first[2]))
        self.assertEqual(first, again)
        first, later = json.loads(first[1]), json.loads(later[1])
        self.assertEqual('2023-11-14T22:13:20Z', first['creationInfo'].pop('created'))
        self.assertEqual('2027-01-15T08:00:00Z', later['creationInfo'].pop('created'))
        self.assertEqual(first, later)
        self.assertEqual(self.document['documentNamespace'], first['documentNamespace'])
        other = json.loads(made('zlib=99', *(part for part in parts if not part.startswith('zlib=')))[1])
        self.assertNotEqual(first['documentNamespace'], other['documentNamespace'])

    def test_a_part_that_is_unknown_or_missing_fails_the_build(self):
        parts = [f'{key}=1' for key in self.parts]
        for wrong, name in ((parts[1:], parts[0].partition('=')[0]), ([*parts, 'libnew=1'], 'libnew')):
            code, octets, said = made(*wrong)
            self.assertNotEqual(0, code)
            self.assertEqual(b'', octets)
            self.assertIn(name, said)


if __name__ == '__main__':
    unittest.main()
