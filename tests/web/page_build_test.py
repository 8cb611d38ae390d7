#!/usr/bin/python3
"""The building of the page: the same octets each time, and the faults that must end it.

usage: page_build_test.py ROOT ESBUILD PAGE
"""

import hashlib
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT, ESBUILD, PAGE = (Path(argument).resolve() for argument in sys.argv[1:4])
sys.path.insert(0, str(ROOT / 'web'))

import build  # noqa: E402

TEMPLATE = f'<html>{build.STYLE}<p>{build.SCRIPT}</html>'


class PageBuild(unittest.TestCase):
    def test_the_same_source_gives_the_same_octets_wherever_it_is_built(self):
        template = (ROOT / 'web' / 'index.html').read_text(encoding='utf-8')
        html, policy = build.compose(template, build.bundle(ESBUILD, 'style.css'), build.bundle(ESBUILD, 'main.mjs'))
        self.assertEqual(PAGE.read_text(encoding='utf-8'), html)
        self.assertEqual(build.cpp(html, policy), build.cpp(html, policy))
        self.assertNotIn(str(ROOT), html)

    def test_no_text_can_end_its_element(self):
        for style, script in (('a{} </STYLE >', ''), ('', '"</script>"'), ('', '"<!--"')):
            with self.assertRaises(SystemExit):
                build.compose(TEMPLATE, style, script)

    def test_a_template_without_its_places_is_refused(self):
        for template in ('<html>', TEMPLATE + build.SCRIPT):
            with self.assertRaises(SystemExit):
                build.compose(template, '', '')

    def test_any_octets_survive_as_a_literal(self):
        text = build.literal(bytes(range(256)) + b'??/"\\')
        self.assertEqual(text.encode('ascii').decode(), text)
        self.assertIn('\\000\\001', text)
        self.assertIn('\\077\\077/\\042\\134', text)

    def test_each_module_is_an_input_of_the_build(self):
        listed = (ROOT / 'web' / 'meson.build').read_text(encoding='utf-8')
        for file in (*(ROOT / 'web').glob('*.mjs'), *(ROOT / 'web').glob('*.css')):
            self.assertIn(f"'{file.name}'", listed)

    def test_the_library_is_the_one_that_was_fetched(self):
        folder = ROOT / 'web' / 'vendor' / 'uplot'
        origin = json.loads((folder / 'origin.json').read_text(encoding='utf-8'))
        found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir() if file.name != 'origin.json'}
        self.assertEqual(origin['sha256'], found)

    def test_nothing_makes_markup_of_text(self):
        for file in (ROOT / 'web').glob('*.mjs'):
            text = file.read_text(encoding='utf-8')
            for way in ('innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write', 'DOMParser', 'eval(', 'new Function'):
                self.assertNotIn(way, text, file.name)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
