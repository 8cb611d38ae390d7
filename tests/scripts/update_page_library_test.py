"""scripts/update-page-library: a package made up here, no network, and the fault that must end it."""

import importlib.machinery
import importlib.util
import io
import json
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
SCRIPT = Path(__file__).resolve().parents[2] / 'scripts' / 'update-page-library'
loader = importlib.machinery.SourceFileLoader('update_page_library', str(SCRIPT))
library = importlib.util.module_from_spec(importlib.util.spec_from_loader('update_page_library', loader))
loader.exec_module(library)

CONTENT = {'dist/uPlot.esm.js': b'export default 1;\n', 'dist/uPlot.min.css': b'.u{}', 'LICENSE': b'MIT', 'README.md': b'not needed'}


class UpdatePageLibrary(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.archive = Path(self.folder.name) / 'uplot-1.2.3.tgz'
        with tarfile.open(self.archive, 'w:gz') as made:
            for name, data in CONTENT.items():
                entry = tarfile.TarInfo(f'package/{name}')
                entry.size = len(data)
                made.addfile(entry, io.BytesIO(data))
        self.integrity = library.integrity_of(self.archive.read_bytes())

    def test_what_the_page_needs_is_taken_as_it_is_with_its_origin(self):
        made = library.convert(self.archive, '1.2.3', self.integrity)
        self.assertEqual({'uPlot.esm.js', 'uPlot.min.css', 'LICENSE', 'origin.json'}, set(made))
        self.assertEqual(CONTENT['dist/uPlot.esm.js'], made['uPlot.esm.js'])
        origin = json.loads(made['origin.json'])
        self.assertEqual(('uplot', '1.2.3', self.integrity), (origin['package'], origin['version'], origin['integrity']))
        self.assertEqual({'uPlot.esm.js', 'uPlot.min.css', 'LICENSE'}, set(origin['sha256']))

    def test_another_content_under_the_same_version_is_refused(self):
        with self.assertRaisesRegex(library.Fault, 'is not what it was'):
            library.convert(self.archive, '1.2.3', 'sha512-other')


if __name__ == '__main__':
    unittest.main()
