"""A ledger of another version: an older one is brought along with a copy of it kept, a newer one is left as it is."""

import base64
import re
import sqlite3
import tempfile
from pathlib import Path

from case import Case
from container import poll
from world import DAEMON

STATE = '/var/lib/antigravity-proxy'
LEDGER = f'{STATE}/usage.db'
SOURCES = Path(__file__).resolve().parents[3]
SCHEMA = SOURCES / 'daemon' / 'ledger' / 'schema.cpp'
MANUAL = SOURCES / 'docs' / 'man' / 'antigravity-proxyd.8'
ACCOUNT = 'antigravity-proxy:antigravity-proxy'
MARK = 0x4147504C
ROW = ('INSERT INTO record (id, started_at, ended_at, host, path, protocol, local_uid, instance, request_kind, cascade_source, bytes_in, bytes_out,'
       " provider, api, stream, model, outcome, usage_state, input_total, input_uncached, cached_input, cache_write, tool_use_prompt,"
       " output_total, total) VALUES (?1, ?2, ?2 + 900000, 'daily-cloudcode-pa.googleapis.com', '/v1internal:streamGenerateContent', 'h2', 1001, '',"
       " 'agent', 'none', 1, 2, 'google', 'code_assist', 1, 'gemini-old', 'ok', 'final', 10, 10, 0, 0, 0, 3, 13)")


class LedgerVersions(Case):
    def put(self, source):
        """A ledger's file from the host, as the service would own it."""
        self.box.run(f'install -d -m 0700 -o antigravity-proxy -g antigravity-proxy {STATE}')
        self.box.run(f'base64 -d > {LEDGER} && chown {ACCOUNT} {LEDGER} && chmod 600 {LEDGER}',
                     stdin=base64.b64encode(source.read_bytes()).decode())

    def ask(self, sql, file=LEDGER):
        """One value of a ledger in the container, read from a copy of it."""
        with tempfile.NamedTemporaryFile(suffix='.db') as copy:
            copy.write(base64.b64decode(self.box.run('base64', file).out))
            copy.flush()
            database = sqlite3.connect(copy.name)
            with database:
                found = database.execute(sql).fetchone()
            database.close()
            return found and found[0]

    def old_ledger(self, rows):
        """As version 1 wrote it: its step of the schema is never edited."""
        step = re.search(r'kStep1 = R"sql\((.*?)\)sql"', SCHEMA.read_text(), re.DOTALL).group(1)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / 'usage.db'
        database = sqlite3.connect(path)
        with database:
            database.executescript(step)
            database.executemany(ROW, ((f'{n:026}', 1_795_320_000_000_000 + n * 1_000_000) for n in range(rows)))
            database.execute(f'PRAGMA application_id = {MARK}')
            database.execute('PRAGMA user_version = 1')
        database.close()
        return path

    def problems(self):
        return {problem['code']: problem for problem in self.world.status_document()['problems']}

    def test_an_old_one_is_brought_along_although_it_is_killed_meanwhile(self):
        rows = 200_000  # some seconds of work
        self.put(self.old_ledger(rows))
        stay = f'/run/systemd/system/{DAEMON}.d/stay.conf'
        self.box.write(stay, '[Service]\nRestart=no\n')
        self.addCleanup(self.box.run, f'rm -f {stay}; systemctl daemon-reload')
        self.box.run('systemctl', 'daemon-reload')
        self.box.run('systemctl', 'start', '--no-block', DAEMON)
        poll(lambda: self.box.run(f'ls {LEDGER}.backup-v1* 2> /dev/null', check=False).out, 30, 'it has begun', interval=0.01)
        self.box.run('systemctl', 'kill', '--signal=KILL', DAEMON)
        poll(lambda: self.box.run('systemctl', 'is-failed', DAEMON, check=False).out.strip() == 'failed', 20, 'it is gone')
        self.assertEqual(1, self.ask('PRAGMA user_version'), 'it was over before the kill')
        self.box.run(f'rm {stay}; systemctl daemon-reload; systemctl reset-failed {DAEMON}; systemctl start {DAEMON}')
        self.world.wait_capture(60)
        usage = self.world.wait_usage(rows, seconds=60)['totals']
        self.assertEqual((rows, 13 * rows), (usage['calls'], usage['total']))
        self.world.client('--count', '3')
        self.world.wait_usage(rows + 3)
        self.assertEqual('ok', self.world.status_document()['ledger']['health'])
        # One copy, whole, for its owner alone.
        listed = self.box.run(f"stat -c '%n %a %U:%G' {LEDGER}.backup*").out
        self.assertEqual(f'{LEDGER}.backup-v1 600 {ACCOUNT}\n', listed)
        self.assertEqual((1, rows), (self.ask('PRAGMA user_version', f'{LEDGER}.backup-v1'),
                                     self.ask('SELECT count(*) FROM record', f'{LEDGER}.backup-v1')))
        self.assertIn('a copy of the old one is kept', self.world.journal(DAEMON))

    # threat-model 91
    def test_an_older_program_leaves_a_newer_one_alone_and_says_what_to_do(self):
        self.world.start()
        self.world.client('--count', '2')
        self.assertCounted()
        self.world.stop()
        schema = self.ask('PRAGMA user_version')
        # What a later version would have done: a copy, its schema, and its name.
        self.box.run(f'cp -p {LEDGER} {LEDGER}.backup-v{schema}')
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'usage.db'
            path.write_bytes(base64.b64decode(self.box.run('base64', LEDGER).out))
            database = sqlite3.connect(path)
            with database:
                database.execute('ALTER TABLE record ADD COLUMN mood TEXT')
                database.execute("UPDATE written_by SET version = '99.0'")
                database.execute(f'PRAGMA user_version = {schema + 1}')
            database.close()
            self.put(path)
        before = self.box.run('sha256sum', LEDGER).out
        self.world.start()
        # Calls go on, and wait.
        self.world.client('--count', '3')
        poll(lambda: self.world.status_document()['ledger']['waiting'] == 3, 20, 'three records wait')
        problem = self.problems()['ledger_failing']
        self.assertSays(problem['message'], f'schema version {schema + 1}, written by antigravity-proxy 99.0', f'which knows {schema}')
        self.assertSays(problem['remedy'], 'install the version of antigravity-proxy that wrote', f'{LEDGER}.backup-v{schema}', 'antigravity-proxyd(8)')
        status = self.world.status()
        self.assertEqual(1, status.code, status)
        for said in (status.text, self.box.run('antigravity-proxy', 'doctor', check=False, timeout=120).text):
            self.assertSays(said, 'written by antigravity-proxy 99.0', 'backup-v')
        shown = self.box.run('systemctl', 'status', '--no-pager', DAEMON, check=False).out
        self.assertRegex(shown, r'Status: ".*the ledger was written by a newer version')
        self.assertEqual(before, self.box.run('sha256sum', LEDGER).out, 'it was touched')
        # The way back that the manual tells.
        self.box.run('sh', '-c', self.manual(schema), timeout=100)
        self.assertEqual(before.split()[0], self.box.run('sha256sum', f'{STATE}/newer/usage.db').out.split()[0], 'it was touched')
        self.world.wait_capture()
        self.assertEqual(5, self.world.wait_usage(5)['totals']['calls'], 'what was in the copy, and what waited')
        self.assertEqual({}, self.problems())

    def manual(self, schema):
        """The commands of THE LEDGER in antigravity-proxyd(8), for the schema of this version."""
        section = MANUAL.read_text().partition('.SH THE LEDGER\n')[2].partition('.SH ')[0]
        commands = section.partition('.nf\n')[2].partition('.fi')[0].replace('\\-', '-')
        self.assertEqual(7, len(commands.splitlines()), section)
        return 'set -e\n' + commands.replace('backup-vN', f'backup-v{schema}')
