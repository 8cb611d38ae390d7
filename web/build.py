#!/usr/bin/python3
"""Makes the page of the daemon: one HTML document without any other file, as a C++ source.

usage: build.py --esbuild PROGRAM --html FILE --source FILE

The scripts and styles of this folder are bundled by esbuild and put into index.html. The policy that
goes with the document (Content-Security-Policy) names them by their hashes, so that a browser runs
nothing else. The same input and the same esbuild give the same octets.
"""

import argparse
import base64
import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
STYLE, SCRIPT = '<!-- style -->', '<!-- script -->'
# What today's browsers of both Debian releases know.
BROWSERS = '--target=chrome109,firefox115,safari16'


def bundle(esbuild, file):
    """One file with all that it imports, without white space."""
    command = [esbuild, '--bundle', '--minify', '--legal-comments=inline', '--format=iife', '--log-level=warning', BROWSERS, file]
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f'build.py: {Path(esbuild).name} failed with exit code {done.returncode}')
    return done.stdout.decode().strip()


def source_hash(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def compose(template, style, script):
    """The document, and the policy that it is served with."""
    for mark in (STYLE, SCRIPT):
        if template.count(mark) != 1:
            sys.exit(f'build.py: index.html has to have {mark} once')
    for text, end in ((style, '</style'), (script, '</script'), (script, '<!--')):
        if end in text.lower():
            sys.exit(f'build.py: {end} would end the element that it stands in')
    html = template.replace(STYLE, f'<style>{style}</style>').replace(SCRIPT, f'<script>{script}</script>')
    policy = '; '.join((
        "default-src 'none'", f'script-src {source_hash(script)}', f'style-src {source_hash(style)}', "connect-src 'self'",
        'img-src data:', "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        # No text can become markup or a script, whatever a later change of the page does with it.
        "require-trusted-types-for 'script'", "trusted-types 'none'"))
    return html, policy


def literal(data):
    """A C++ string of any octets, in lines that people can scroll over."""
    def escaped(octet):
        plain = 32 <= octet < 127 and chr(octet) not in '"\\?'
        return chr(octet) if plain else f'\\{octet:03o}'
    lines = [''.join(map(escaped, data[i:i + 100])) for i in range(0, len(data), 100)]
    return '\n'.join(f'    "{line}"' for line in lines)


def cpp(html, policy):
    octets = html.encode()
    packed = gzip.compress(octets, 9, mtime=0)
    tag = hashlib.sha256(octets + policy.encode()).hexdigest()[:32]
    return f'''// Made by web/build.py.
#include "daemon/api/page.h"

namespace agp::api {{
namespace {{

constexpr char kHtml[] =
{literal(octets)};
constexpr char kPacked[] =
{literal(packed)};

}}  // namespace

const PageDocument& page_document() {{
  static const PageDocument made{{{{kHtml, {len(octets)}}}, {{kPacked, {len(packed)}}}, "W/\\"{tag}\\"",
{literal(policy.encode())}}};
  return made;
}}

}}  // namespace agp::api
'''


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ('--esbuild', '--html', '--source'):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    html, policy = compose((HERE / 'index.html').read_text(encoding='utf-8'), bundle(options.esbuild, 'style.css'),
                           bundle(options.esbuild, 'main.mjs'))
    Path(options.html).write_text(html, encoding='utf-8')
    Path(options.source).write_text(cpp(html, policy), encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
