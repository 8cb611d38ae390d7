"""A machine that had the package is the machine it was, but for a list of things with their reasons."""

from case import Case
from machine import differences, picture
from test_ide_patch import DIST, EXTENSION, SHIPPED
from world import APT, DAEMON, DOUBLES

ACCOUNTS = ('antigravity-proxy', 'antigravity-ls')
FORGET_ACCOUNTS = '; '.join(f'userdel {name} 2> /dev/null; groupdel {name} 2> /dev/null' for name in ACCOUNTS)
# Debian's policy: an account that a package made stays, locked, because its number must not pass to somebody else
# who would inherit the files that it may still own (Debian wiki, AccountHandlingInMaintainerScripts).
_ACCOUNT = r'(antigravity-proxy|antigravity-ls)'
STAYS = {
    rf'left account: {_ACCOUNT}:x:\d+:\d+:[^:]*:/[^:]*:/usr/sbin/nologin': 'the locked accounts stay',
    rf'left account: {_ACCOUNT}:x:\d+:': 'and their groups',
    rf'left account: {_ACCOUNT}:!\S*': 'locked: no password opens them',
    r'(left|gone) file: /etc/(passwd|group|shadow|gshadow)-?\t.*': 'where these accounts are written, and what it was before',
}
# Removed and not purged, in addition: what the administrator wrote and what was measured.
KEPT = {
    r'left file: /etc/antigravity-proxy(/.*|\t.*)': 'configuration files stay until purge',
    r'left file: /var/lib/antigravity-proxy(/.*|\t.*)': 'ledger and certificate authority stay until purge',
    r'left file: /var/lib/antigravity-ls(/.*|\t.*)': 'what the language server keeps between its starts, too',
    r'left file: /etc/systemd/system/multi-user\.target\.wants/antigravity-proxy\.service\t.*': 'that it was enabled, for an installation that comes',
    r'left file: /var/lib/systemd/deb-systemd-helper-enabled/.*': "Debian's note of that",
    r'left package: rc +antigravity-proxy': 'dpkg knows of the configuration files',
    r'left package: antigravity-proxy\.(list|postrm)': 'and how to purge them',
}


class Identity(Case):
    def setUp(self):
        super().setUp()
        self.box.run('id dev > /dev/null 2>&1 || useradd --create-home --shell /bin/bash dev')
        self.world.begin_session('dev')
        self.box.write(EXTENSION, SHIPPED)
        self.addCleanup(self.box.run, f'rm -rf {DIST}')
        self.addCleanup(self.world.stop_ide)
        self.world.start_ide()
        self.world.wait_ide()

    def forget(self):
        """As if it had never been installed: what a purge leaves is taken away by hand."""
        self.world.purge()
        self.box.run(FORGET_ACCOUNTS, check=False)

    def use(self):
        """A bit of everything that leaves its mark while it runs."""
        self.world.configure(mode='managed')
        self.world.start()
        self.world.wait_language_server()
        self.world.client('--count', '2')
        self.box.run('antigravity-proxy', 'run', '--', f'{DOUBLES}/fake-client', user='dev')
        self.box.run('antigravity-proxy', 'ide-patch', 'apply')
        self.box.run('antigravity-proxy', 'ca', 'rotate', timeout=120)
        self.box.run('antigravity-proxy', 'capture', 'off', timeout=120)
        self.box.run('antigravity-proxy', 'capture', 'on', timeout=120)
        self.box.run('antigravity-proxy', 'policy', 'reload')
        self.box.run('antigravity-proxy', 'doctor', check=False, timeout=120)
        self.box.run('systemctl', 'enable', DAEMON)
        self.world.wait_language_server()

    def assertSame(self, before, expected):
        unexplained, unmet = differences(before, picture(self.box), expected)
        self.assertEqual([], unexplained, f'{len(unexplained)} differences')
        self.assertEqual([], unmet, 'nothing of this kind differs any more: take it off the list')

    # threat-model 88
    def test_installed_used_and_purged_while_it_runs_the_machine_is_what_it_was(self):
        self.forget()
        before = picture(self.box)
        self.assertGreater(len(before['file']), 3000, 'too little was looked at')
        self.world.install()
        self.use()
        self.box.run('antigravity-proxy', 'cleanup', timeout=300)
        self.use()
        self.box.run(*APT, 'remove', 'antigravity-proxy', timeout=120)
        self.assertSame(before, {**STAYS, **KEPT})
        self.world.install()
        self.use()
        self.assertCounted()  # before the removal, too
        self.assertNotEqual([], self.world.rules())
        self.world.purge()
        self.assertNothingLeft()
        self.assertSame(before, STAYS)
