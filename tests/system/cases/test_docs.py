"""The documents for people, followed to the letter: every command, every file, and what is said to be printed."""

import subprocess
from pathlib import Path

from case import Case
from container import poll
from documents import missing_lines, sections

REPOSITORY = Path(__file__).resolve().parents[3]
DOCS = REPOSITORY / 'docs'
HOME = '/home/dev'
# What the reader has, and the world does not: keys of providers.
ENV = {'HOME': HOME, 'USER': 'dev', 'GEMINI_API_KEY': 'key-of-nobody', 'OPENAI_API_KEY': 'key-of-nobody'}
CALL = ('curl', '-fsS', 'http://localhost:8741/v1/responses', '-H', 'Content-Type: application/json',
        '-d', '{"model":"gemini-3-flash","input":"Say hello"}')


class Docs(Case):
    """What every document needs: somebody who may use sudo, in a directory of their own."""

    def setUp(self):
        super().setUp()
        self.box.run(f'''set -e
            echo 'dev ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/dev
            chmod 0440 /etc/sudoers.d/dev
            rm -rf {HOME}/work && install -d -o dev -g dev {HOME}/work''')
        self.world.begin_session('dev')
        self.addCleanup(self.box.run, 'rm -f /etc/sudoers.d/dev /etc/antigravity-proxy/api.keys '
                                      '/etc/antigravity-proxy/proxy.credentials /etc/ssl/certs/company.pem', check=False)
        self.addCleanup(self.world.stop_ide)
        self.addCleanup(self.box.run, 'gpasswd -d dev antigravity-proxy', check=False)  # a guide makes dev see all

    def shell(self, script, timeout=100, check=True):
        """As the person types it: one shell for the block, which ends at the first failure."""
        return self.box.run('bash', '-euo', 'pipefail', '-c', f'cd {HOME}/work\n{script}', user='dev', env=ENV,
                            timeout=timeout, check=check)

    def hint(self, hint):
        """Does what a reader knows without being told. False for the words that are about a block."""
        word, _, rest = hint.partition(' ')
        if hint == 'ide':
            self.world.start_ide()
            self.world.wait_ide()
            if self.box.run('systemctl', 'is-active', 'antigravity-proxy', check=False).out.strip() == 'active':
                self.world.wait_language_server()
        elif hint == 'call':
            if not self.world.status_document().get('language_server', {}).get('usable'):
                self.hint('ide')
            self.box.run(*CALL, user='dev')
            self.world.wait_usage(1)
        elif word == 'file':
            path, _, source = rest.partition(': ')
            self.box.run('cp', source, path)
        elif word == 'user':
            self.box.run(f'id {rest} > /dev/null 2>&1 || useradd --system --shell /usr/sbin/nologin {rest}')
            self.addCleanup(self.box.run, f'userdel {rest}')
        elif hint.startswith('stands for '):
            name, _, command = hint.removeprefix('stands for ').partition(': ')
            self.addCleanup(self.box.run, f'rm -f /usr/local/bin/{name}')
            self.box.write(f'/usr/local/bin/{name}', f'#!/bin/sh\nexec {command} "$@"\n', 0o755)
        else:
            return False
        return True

    def run_block(self, block):
        rules = [hint for hint in block.hints if not self.hint(hint)]
        code, shown = 0, []
        for rule in rules:
            word, _, rest = rule.partition(' ')
            if word == 'exit':
                code = int(rest)
            elif word == 'shows':
                shown.append(rest)
            elif rule == 'endless':
                code = 124  # of timeout(1): it was still there
            else:
                self.fail(f'line {block.line}: nobody knows what {rule!r} means')
        done = self.shell(block.text, timeout=3 if code == 124 else 100, check=False)
        self.assertEqual(code, done.code, f'line {block.line}: {block.text}{done}')
        for text in shown:
            self.assertIn(text, done.text)
        return done.out

    def fail_at_refusals(self):
        """curl ends with 0 whatever it is answered. Documents do not say so each time; who follows them sees it."""
        self.box.write(f'{HOME}/.curlrc', 'fail\n')
        self.addCleanup(self.box.run, f'rm {HOME}/.curlrc')

    def assertProgramsOfTheCheckout(self, block):
        """They cannot be run here: they make what is tested here. They are there, and take the options."""
        for line in block.text.splitlines():
            program, *arguments = line.partition('#')[0].removeprefix('sudo ').split()
            usage = subprocess.run([REPOSITORY / program, '--help'], capture_output=True, text=True, timeout=30, check=True).stdout
            for option in (word for word in arguments if word.startswith('-')):
                self.assertIn(option, usage)

    def follow(self, section):
        for hint in section.hints:
            self.assertTrue(self.hint(hint), f'nobody knows what {hint!r} means')
        before, printed = None, ''
        for block in section.blocks:
            with self.subTest(section=section.title, line=block.line):
                if 'picture' in block.hints:
                    continue
                if 'elsewhere' in block.hints:
                    self.assertProgramsOfTheCheckout(block)
                elif block.kind == 'sh':
                    before, printed = block, self.run_block(block)
                elif block.kind == 'python':
                    printed = self.box.run('/usr/bin/python3', '-c', block.text, user='dev', env=ENV).out
                elif block.kind == 'text' and 'soon' in block.hints:
                    poll(lambda: not missing_lines(block.text, self.run_block(before)), 30, f'line {block.line}: {block.text}')
                elif block.kind == 'text':
                    self.assertEqual([], missing_lines(block.text, printed), printed)
                else:
                    self.assertTrue(block.path, f'line {block.line}: which file is this?')
                    self.box.write(block.path, block.text)


class FromNothing(Docs):
    def setUp(self):
        super().setUp()
        self.world.purge()
        self.box.run(f'cp /opt/antigravity-proxy.deb {HOME}/work/antigravity-proxy_0_amd64.deb')
        self.box.run('rm -rf /etc/antigravity-proxy')
        self.world.configure('managed')  # the way to the upstream's double, which readers have


class Readme(FromNothing):
    def test_from_the_package_to_the_dashboard(self):
        self.fail_at_refusals()
        for section in sections((REPOSITORY / 'README.md').read_text(encoding='utf-8')):
            self.follow(section)
        # One call through the API, one of the command that run started.
        self.assertEqual(2, self.assertCounted()['totals']['calls'])


class Tutorial(FromNothing):
    def test_from_nothing_to_the_first_number_and_back(self):
        self.world.start_ide()
        self.world.wait_ide()
        for section in sections((DOCS / 'tutorial.md').read_text(encoding='utf-8')):
            self.follow(section)
            if section.title == 'Ask a model':
                self.world.wait_usage(1)
        self.assertNothingLeft()
        self.assertFalse(self.world.installed())


class HowTo(Docs):
    def setUp(self):
        super().setUp()
        self.world.configure('managed')
        self.world.start(capture=False)


def guide(section):
    return lambda self: self.follow(section)


for each in sections((DOCS / 'how-to.md').read_text(encoding='utf-8')):
    name = ''.join(letter if letter.isalnum() else '_' for letter in each.title.lower())
    setattr(HowTo, f'test_{name}', guide(each))


class Reference(Docs):
    def follow_all(self, name):
        self.fail_at_refusals()
        self.world.configure('managed')
        self.world.start(capture=False)
        for section in sections((DOCS / name).read_text(encoding='utf-8')):
            self.follow(section)

    def test_http(self):
        self.follow_all('http.md')

    def test_metrics(self):
        self.follow_all('metrics.md')

    def test_packaging(self):
        self.follow_all('packaging.md')

    def test_performance(self):
        self.follow_all('performance.md')

    def test_openai(self):
        if self.box.run('test', '-d', '/usr/lib/python3/dist-packages/openai', check=False).code != 0:
            self.skipTest('python3-openai is not installed; Debian 12 has none')
        self.follow_all('openai.md')
        self.assertEqual(2, self.assertCounted()['totals']['calls'])
