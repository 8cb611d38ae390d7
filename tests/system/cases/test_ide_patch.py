"""`ide-patch`: one line in a file of the IDE, by an administrator alone, and back to the octet."""

import json

from case import Case
from container import poll
from world import HELPER

DIST = '/usr/share/antigravity/resources/app/extensions/antigravity/dist'
EXTENSION = f'{DIST}/extension.js'
BACKUP = f'{EXTENSION}.antigravity-proxy-original'
# Made up, in the shape of a minified bundle with protobuf-es v1 classes.
SHIPPED = 'class a{constructor(){this.x=0,this.detectAndUseProxy=pe.UNSPECIFIED,this.y=0}}\n'
PATCHED = SHIPPED.replace('pe.UNSPECIFIED', '1')
CURRENT = 'a build of today has no such line\n'
CHECK = 'antigravity-proxy-ide-patch.service'
CALL = ('busctl', 'call', 'org.antigravityproxy.Helper1', '/org/antigravityproxy/Helper1', 'org.antigravityproxy.Helper1')


class IdePatch(Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.box.run, f'rm -rf {DIST}')
        self.install(SHIPPED)

    def install(self, content):
        """As a package manager puts a version there."""
        self.box.write(f'{EXTENSION}.dpkg-new', content)
        self.box.run(f'chown root:root {EXTENSION}.dpkg-new && chmod 644 {EXTENSION}.dpkg-new && mv {EXTENSION}.dpkg-new {EXTENSION}')

    def ide_patch(self, verb, user=None, check=True):
        """(exit code, document) of a verb."""
        words = ('antigravity-proxy', 'ide-patch', verb, '--json')
        output = self.box.run(*words, check=False, **({'user': user} if user else {}))
        if check:
            self.assertEqual(0, output.code, str(output))
        return output.code, json.loads(output.out)

    def state(self):
        return {f['path']: f['state'] for f in self.ide_patch('status', check=False)[1]['files']}[EXTENSION]

    def content(self):
        return self.box.run('cat', EXTENSION).out

    def extension_check(self):
        document = json.loads(self.box.run('antigravity-proxy', 'doctor', '--json', check=False).out)
        return {c['id']: c for c in document['checks']}['ide.extension']

    def test_applied_and_reverted_to_the_octet(self):
        before = self.box.run(f"stat -c '%i %u %g %a %Y' {EXTENSION}").out
        self.assertEqual('applicable', self.state())
        self.assertTrue(self.ide_patch('apply')[1]['changed'])
        self.assertEqual(PATCHED, self.content())
        self.assertEqual('0 0 644', self.box.run(f"stat -c '%u %g %a' {EXTENSION}").out.strip())
        self.assertFalse(self.ide_patch('apply')[1]['changed'])
        self.assertEqual('patched', self.state())
        self.assertTrue(self.ide_patch('revert')[1]['changed'])
        self.assertEqual(SHIPPED, self.content())
        self.assertEqual(before, self.box.run(f"stat -c '%i %u %g %a %Y' {EXTENSION}").out)
        self.assertEqual('extension.js\n', self.box.run('ls', '-A', DIST).out)

    def test_a_current_build_has_nothing_to_patch(self):
        self.install(CURRENT)
        self.assertEqual('not_applicable', self.state())
        self.assertFalse(self.ide_patch('apply')[1]['changed'])
        self.assertEqual(CURRENT, self.content())
        self.assertSays(self.extension_check()['seen'], '0 matches')

    def test_an_update_is_told_and_never_undone(self):
        self.world.start()
        self.ide_patch('apply')
        # The patch itself is a change that is looked at.
        poll(lambda: self.box.run('systemctl', 'is-active', CHECK, check=False).out.strip() == 'inactive', 20, 'nothing is checked')
        self.install(CURRENT)
        poll(lambda: 'update of the IDE undid ide-patch' in self.world.journal(CHECK), 20,
             'the journal says that an update undid it')
        self.assertEqual('failed', self.extension_check()['state'])
        code, document = self.ide_patch('revert', check=False)
        self.assertEqual(1, code)
        self.assertFalse(document['changed'])
        self.assertEqual(CURRENT, self.content())
        self.ide_patch('forget')
        self.assertEqual('extension.js\n', self.box.run('ls', '-A', DIST).out)
        self.world.stop()
        self.assertNothingLeft()

    # threat-model 6
    def test_nobody_but_root_changes_it(self):
        for user in ('dev', 'antigravity-ls', 'antigravity-proxy'):
            for member in (('ApplyIdePatch',), ('RevertIdePatch', 'b', 'false')):
                self.assertNotEqual(0, self.box.run(*CALL, *member, user=user, check=False).code, f'{user}: {member}')
        self.assertEqual(77, self.ide_patch('apply', user='dev', check=False)[0])
        self.assertEqual(SHIPPED, self.content())
        # Looking is free.
        self.assertEqual(0, self.ide_patch('status', user='dev', check=False)[0])

    # threat-model 41
    def test_what_a_user_could_lead_elsewhere_is_refused(self):
        self.box.run(f'chown dev {EXTENSION}')
        self.assertEqual(1, self.ide_patch('apply', check=False)[0])
        self.assertEqual('refused', self.state())
        self.box.run(f'chown root {EXTENSION} && mv {EXTENSION} /root/real.js && ln -s /root/real.js {EXTENSION}')
        self.addCleanup(self.box.run, 'rm -f /root/real.js')
        self.assertEqual(1, self.ide_patch('apply', check=False)[0])
        self.assertEqual(SHIPPED, self.box.run('cat /root/real.js').out)

    # threat-model 42
    def test_the_helper_killed_at_any_moment_leaves_a_whole_file(self):
        for _ in range(3):
            self.box.run(f'antigravity-proxy ide-patch apply > /dev/null & systemctl kill -s KILL {HELPER}; wait', check=False)
            self.box.run(f'systemctl reset-failed {HELPER}', check=False)
            self.assertIn(self.content(), (SHIPPED, PATCHED))
        self.ide_patch('apply')
        self.ide_patch('revert')
        self.assertEqual(SHIPPED, self.content())
        self.assertEqual('extension.js\n', self.box.run('ls', '-A', DIST).out)

    def test_removing_the_package_gives_the_file_back(self):
        self.ide_patch('apply')
        self.world.purge()
        self.assertEqual(SHIPPED, self.content())
        self.assertEqual('extension.js\n', self.box.run('ls', '-A', DIST).out)
