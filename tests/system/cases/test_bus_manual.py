"""The examples of antigravity-proxy-dbus(7), as they are in the package: each of them works."""

import re

from case import Case

# Test machines leave manual pages out when they install a package.
MANUAL = 'dpkg-deb --fsys-tarfile /opt/antigravity-proxy.deb | tar -xO ./usr/share/man/man7/antigravity-proxy-dbus.7.gz | zcat'
EXAMPLE = re.compile(r'^\.nf\n\.RS\n(.*?)^\.RE\n\.fi$', re.MULTILINE | re.DOTALL)
SPEAKS_FOREVER = ' monitor '


class BusManual(Case):
    def setUp(self):
        super().setUp()
        self.world.configure(mode='managed')
        self.world.start()

    def examples(self):
        manual = self.box.run(MANUAL).out
        found = [line for block in EXAMPLE.findall(manual) for line in block.splitlines()]
        return [line.replace('\\-', '-').replace('\\(aq', "'").replace('\\e', '\\') for line in found]

    def test_each_example_works(self):
        examples = self.examples()
        self.assertGreaterEqual(len(examples), 10)
        for program in ('busctl', 'gdbus'):
            self.assertTrue(any(line.startswith(f'{program} ') for line in examples), program)
        for line in examples:
            with self.subTest(example=line):
                if SPEAKS_FOREVER in line:
                    said = self.box.run(f'timeout --preserve-status -s INT 3 {line}', check=False, timeout=30)
                    self.assertNotIn('rror', said.text)
                    self.assertIn(said.code, (0, 130), said.text)
                else:
                    said = self.box.run(line, check=False, timeout=90)
                    self.assertEqual(0, said.code, said.text)
                    self.assertNotEqual('', said.out.strip())
        self.assertTrue(self.world.status_document()['capture']['active'])
