"""What all cases of this container together have left: nothing of what passed through us is in it."""

import json
import re

from case import Case
from world import HELPER

# Of the doubles and of the cases: what they sign in with, what they ask, what tells one run's content from everything else.
PROMPTS = ('Say something short.', 'Say hello.', 'And again.', 'prompt-marker-7f3a91', 'to yourself')
CREDENTIALS = ('fake-access-token', 'Authorization: Bearer', 'agp_' + '0123456789abcdef' * 4, 'PRIVATE KEY')
CANARIES = r'Zq[0-9a-f]{18}qZ'
# The doubles' own words, and what is no program of ours in their units.
DOUBLES = re.compile(r'/opt/doubles/|/language_server')
# Where we write, or anybody does on our behalf. The journal is read by itself; the doubles and the tools of the cases keep what they like.
PLACES = '/var/lib /var/cache /var/log /run /etc /dev/shm /tmp/systemd-private-* /var/tmp/systemd-private-*'
OTHERS = ('/var/lib/fake-upstream', '/var/log/fake-upstream.jsonl', '/var/lib/antigravity-ls', '/var/lib/dpkg', '/var/lib/apt',
          '/var/log/journal', '/run/log/journal', '/etc/ssl/private', '/run/systemd/inaccessible')
VALUES = '/opt/whole-run-values'
SINCE = '/opt/antigravity-proxy.deb'  # put there before the container booted


class WholeRun(Case):
    runs_last = True

    def setUp(self):
        # Before anything is reset: the files that the case before this one has left.
        self.box = self.world.box
        self.found = self.files()
        super().setUp()

    # threat-model 68
    def test_nothing_that_passed_is_in_the_journal_or_in_a_file(self):
        self.world.configure(mode='managed')
        self.world.start_ide()
        self.addCleanup(self.world.stop_ide)
        self.world.start()
        self.world.wait_language_server()
        self.world.client('--count', '2')
        self.world.http('/v1/responses', 'POST', {'model': 'gemini-3-flash', 'input': PROMPTS[1]})
        self.assertGreaterEqual(len(self.tokens()), 1)
        self.assertEqual([], self.found, 'of the case before')
        self.assertEqual([], self.files())
        lines = self.box.run('journalctl', '--sync', check=False) and \
            self.box.run('journalctl', '--no-pager', '-o', 'json', timeout=120).out.splitlines()
        values = re.compile('|'.join(self.values()))
        entries = [json.loads(line) for line in lines if values.search(line)]
        # UNIT: of whom PID 1 speaks. Units of the cases are described by their command line.
        self.assertEqual([], [entry for entry in entries if not DOUBLES.search(str(entry.get('_EXE'))) and
                              str(entry.get('UNIT', 'antigravity')).startswith('antigravity')])
        self.assertTrue(any(HELPER in line for line in lines) and entries, 'nothing was looked at')

    def tokens(self):
        """Those of every IDE so far, which its double says, and of the language server of ours that runs."""
        said = self.box.run('journalctl', '--no-pager', '-o', 'cat', '-u', '*ide*', '--grep', 'csrf_token', check=False).out
        own = self.box.run("tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID 'antigravity-ls-*.service')/cmdline | grep -A1 csrf_token$",
                           check=False).out
        return set(re.findall(r'csrf_token": *"([^"]{8,})"', said) + re.findall(r'^[^-].{7,}', own, re.MULTILINE))

    def values(self):
        return [CANARIES, *map(re.escape, (*PROMPTS, *CREDENTIALS, *self.tokens()))]

    def files(self):
        self.box.run(f'cat > {VALUES}', stdin='\n'.join(self.values()) + '\n')
        leave = ' -o '.join(f'-path {place}' for place in OTHERS)
        # ca.key is where the key belongs; test_boundaries.py looks for it elsewhere.
        found = self.box.run(f'find {PLACES} -xdev \\( {leave} \\) -prune -o -type f -newer {SINCE} ! -name ca.key -print0 2> /dev/null | '
                             f'xargs -0 grep -l -a -E -f {VALUES} 2> /dev/null', check=False, timeout=120).out
        return found.splitlines()
