#!/usr/bin/python3 -B
"""Writes the software bill of materials: what the programs are made of, as an SPDX 2.3 document.

usage: sbom.py OUTPUT PART=VERSION...

A part is a dependency by its name in meson.build, with the version that it was built with. What is bundled says its version itself.
Source: https://spdx.github.io/spdx-spec/v2.3/
"""

import base64
import json
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'packaging'))

from source_date import source_date  # noqa: E402

HOME = 'https://antigravity-proxy.invalid/'
MAIN = 'SPDXRef-antigravity-proxy'
LICENSE = 'Apache-2.0'


@dataclass
class Part:
    name: str
    license: str
    home: str
    libraries: tuple = ()  # how the names of the shared libraries begin that programs need
    compiled_in: str = ''  # what of it is a part of the programs themselves


# The keys are what meson.build calls them. glibc and libstdc++ come with the compiler.
PARTS = {
    'absl_time': Part('abseil-cpp', 'Apache-2.0', 'https://abseil.io/', ('libabsl_',)),
    'boost': Part('boost', 'BSL-1.0', 'https://www.boost.org/', ('libboost_json.so',), 'Headers of Asio, Beast, System and others are a part of the programs.'),
    'glibc': Part('glibc', 'LGPL-2.1-or-later', 'https://www.gnu.org/software/libc/', ('libc.so', 'libm.so', 'ld-linux', 'ld64.so')),
    'libbrotlidec': Part('brotli', 'MIT', 'https://github.com/google/brotli', ('libbrotlidec.so',)),
    'libisal': Part('isa-l', 'BSD-3-Clause', 'https://github.com/intel/isa-l', ('libisal.so',)),
    'libmnl': Part('libmnl', 'LGPL-2.1-or-later', 'https://netfilter.org/projects/libmnl/', ('libmnl.so',)),
    'libnftnl': Part('libnftnl', 'GPL-2.0-or-later', 'https://netfilter.org/projects/libnftnl/', ('libnftnl.so',)),
    'libnghttp2': Part('nghttp2', 'MIT', 'https://nghttp2.org/', ('libnghttp2.so',)),
    'libstdc++': Part('gcc', 'GPL-3.0-or-later WITH GCC-exception-3.1', 'https://gcc.gnu.org/', ('libstdc++.so', 'libgcc_s.so', 'libatomic.so'),
                      'Templates of libstdc++ are a part of the programs.'),
    'libsystemd': Part('systemd', 'LGPL-2.1-or-later', 'https://systemd.io/', ('libsystemd.so',)),
    'libzstd': Part('zstd', 'BSD-3-Clause OR GPL-2.0-only', 'https://facebook.github.io/zstd/', ('libzstd.so',)),
    'ncursesw': Part('ncurses', 'X11-distribute-modifications-variant', 'https://invisible-island.net/ncurses/', ('libncursesw.so', 'libtinfo.so')),
    'openssl': Part('openssl', 'Apache-2.0', 'https://www.openssl.org/', ('libssl.so', 'libcrypto.so')),
    'protobuf-lite': Part('protobuf', 'BSD-3-Clause', 'https://protobuf.dev/', ('libprotobuf-lite.so',)),
    'sdbus-c++': Part('sdbus-cpp', 'LGPL-2.1-or-later', 'https://github.com/Kistler-Group/sdbus-cpp', ('libsdbus-c++.so',)),
    'sqlite3': Part('sqlite', 'blessing', 'https://www.sqlite.org/', ('libsqlite3.so',)),
    'yaml-cpp': Part('yaml-cpp', 'MIT', 'https://github.com/jbeder/yaml-cpp', ('libyaml-cpp.so',)),
    'zlib': Part('zlib', 'Zlib', 'https://zlib.net/', ('libz.so',)),
}


def package(name, version, license_name, home, purpose, purl, comment='', **more):
    made = {'SPDXID': f'SPDXRef-{name}', 'name': name, 'versionInfo': version, 'supplier': 'NOASSERTION', 'downloadLocation': 'NOASSERTION',
            'filesAnalyzed': False, 'homepage': home, 'licenseConcluded': 'NOASSERTION', 'licenseDeclared': license_name,
            'copyrightText': 'NOASSERTION', 'primaryPackagePurpose': purpose,
            'externalRefs': [{'referenceCategory': 'PACKAGE-MANAGER', 'referenceType': 'purl', 'referenceLocator': f'{purl}@{version}'}]}
    return {**made, **({'comment': comment} if comment else {}), **more}


def bundled():
    """What lies in the sources and is compiled in, with the versions that its own files name."""
    uplot = json.loads((ROOT / 'web' / 'vendor' / 'uplot' / 'origin.json').read_text())
    algorithm, _, digest = uplot['integrity'].partition('-')
    yield package('uplot', uplot['version'], 'MIT', 'https://github.com/leeoniya/uPlot', 'LIBRARY', 'pkg:npm/uplot',
                  'A part of the page that the daemon serves. The checksum is that of the package it was taken from.',
                  checksums=[{'algorithm': algorithm.upper(), 'checksumValue': base64.b64decode(digest).hex()}])
    prices = json.loads((ROOT / 'data' / 'prices' / 'prices.json').read_text())
    yield package('genai-prices', prices['version'].removeprefix('genai-prices-'), 'MIT', 'https://github.com/pydantic/genai-prices', 'FILE',
                  'pkg:npm/%40pydantic/genai-prices', f'The price list that is compiled into the programs, of {prices["date"]}.')


def linked(versions):
    for key, version in sorted(versions.items()):
        part = PARTS[key]
        yield part, package(part.name, version, part.license, part.home, 'LIBRARY', f'pkg:generic/{part.name}', part.compiled_in,
                            sourceInfo=f'The dependency {key} of meson.build.')


def relation(kind, to, source=MAIN):
    return {'spdxElementId': source, 'relationshipType': kind, 'relatedSpdxElement': to}


def document(versions, now):
    version = (ROOT / 'VERSION').read_text().strip()
    packages = [package('antigravity-proxy', version, LICENSE, HOME, 'APPLICATION', 'pkg:generic/antigravity-proxy')]
    relations = [relation('DESCRIBES', MAIN, 'SPDXRef-DOCUMENT')]
    for part, made in linked(versions):
        packages.append(made)
        relations += [relation('DYNAMIC_LINK', made['SPDXID'])] if part.libraries else []
        relations += [relation('CONTAINS', made['SPDXID'])] if part.compiled_in else []
    for made in bundled():
        packages.append(made)
        relations.append(relation('CONTAINS', made['SPDXID']))
    # One name for each content: two builds that are made of other versions are two documents.
    identity = uuid.uuid5(uuid.NAMESPACE_URL, HOME + json.dumps([packages, relations], sort_keys=True))
    return {'spdxVersion': 'SPDX-2.3', 'dataLicense': 'CC0-1.0', 'SPDXID': 'SPDXRef-DOCUMENT', 'name': f'antigravity-proxy-{version}',
            'documentNamespace': f'{HOME}spdx/antigravity-proxy-{version}-{identity}',
            'comment': 'Versions of libraries are those that the programs were built with; the machine that they run on may have later ones.',
            'creationInfo': {'created': now.strftime('%Y-%m-%dT%H:%M:%SZ'), 'creators': [f'Tool: antigravity-proxy-sbom-{version}']},
            'packages': packages, 'relationships': relations}


def main(output, *parts):
    versions = dict(part.split('=', 1) for part in parts)
    if unknown := sorted(versions.keys() ^ PARTS.keys()):
        sys.exit(f'error: packaging/sbom.py and packaging/meson.build differ in what the programs are made of: {", ".join(unknown)}')
    Path(output).write_text(json.dumps(document(versions, source_date(ROOT)), indent=2, ensure_ascii=False) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main(*sys.argv[1:])
