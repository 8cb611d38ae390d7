#!/usr/bin/python3
"""The completions, in the shells that they are for; a shell that is not installed is skipped.

usage: completions_test.py AGP_PAGES FOLDER_OF_COMPLETIONS
"""

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PAGES, FOLDER = sys.argv[1], Path(sys.argv[2])
LIMIT = 60
CLEAR = b'\x15'  # control-U: the line is empty again

# What the running service would answer; the second name is one that a shell must not run.
COMMAND = """#!/bin/sh
[ "$1" = complete ] || exit 64
case $2 in
  model) printf '%s\\n' gemini-3-flash 'ge$(touch "$OUT")' claude-opus ;;
  *) echo "value-of-$2" ;;
esac
"""

# zsh completes on a terminal alone. Its hits go to a file, and a NUL says that a completion is over.
ZSH = """
PROMPT=
fpath=(%(folder)s $fpath)
autoload -Uz compinit && compinit -u -D
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
over() {
  print -n '\\0'
  comppostfuncs=(over)
}
comppostfuncs=(over)
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then
    builtin compadd "$@"
    return $?
  fi
  local -a hits
  builtin compadd -A hits "$@"
  (( $#hits )) && print -rl -- $hits >> "$HITS"
  builtin compadd "$@"
}
echo ready
"""


class Shells(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.terminal = None
        command = self.folder / 'antigravity-proxy'
        command.write_text(COMMAND)
        command.chmod(0o755)
        self.ran = self.folder / 'ran'
        self.hits = self.folder / 'hits'
        self.environment = {'PATH': f'{self.folder}:/usr/bin:/bin', 'HOME': str(self.folder), 'OUT': str(self.ran), 'HITS': str(self.hits),
                            'TERM': 'dumb', 'LC_ALL': 'C.UTF-8', 'XDG_CONFIG_HOME': str(self.folder), 'XDG_DATA_HOME': str(self.folder)}

    def output(self, *words):
        done = subprocess.run(words, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=LIMIT, check=False)
        self.assertEqual('', done.stderr)
        return done.stdout.splitlines()

    def bash(self, line):
        """The line as readline would split it: a blank at the end begins a new word, = is a word."""
        words = line.replace('=', ' = ').split()
        words += [''] if line.endswith((' ', '=')) else []
        script = (f'source {shlex.quote(str(FOLDER / "antigravity-proxy"))}; COMP_WORDS=({shlex.join(words)}); '
                  'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _antigravity_proxy; printf "%s\\n" "${COMPREPLY[@]}"')
        return {each for each in self.output('bash', '--norc', '--noprofile', '-c', script) if each}

    def fish(self, line):
        script = f'source {shlex.quote(str(FOLDER / "antigravity-proxy.fish"))}; complete -C {shlex.quote(line)}'
        # After --name= the whole word is offered.
        return {each.split('\t')[0].split('=')[-1] for each in self.output('fish', '--no-config', '-c', script)}

    def zsh(self, line):
        if self.terminal is None:
            self.start_zsh()
        self.hits.unlink(missing_ok=True)
        os.write(self.terminal, CLEAR + line.encode() + b'\t')
        self.read_until(b'\0')
        return set(self.hits.read_text().split()) if self.hits.exists() else set()

    def start_zsh(self):
        start = self.folder / 'start'
        start.write_text(ZSH % {'folder': shlex.quote(str(FOLDER))})
        child, self.terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execvpe('zsh', ['zsh', '-f', '-i'], self.environment)
        self.addCleanup(os.waitpid, child, 0)
        self.addCleanup(os.close, self.terminal)  # the shell hangs up
        os.write(self.terminal, f'source {start}\n'.encode())
        self.read_until(b'ready\r\n')

    def read_until(self, end):
        seen = b''
        while end not in seen:
            self.assertTrue(select.select([self.terminal], [], [], LIMIT)[0], f'nothing more after {seen!r}')
            seen += os.read(self.terminal, 4096)

    def check(self, shell):
        if shutil.which(shell.__name__) is None:
            self.skipTest(f'{shell.__name__} is not installed')
        table = [line.split('\t') for line in subprocess.run([PAGES, 'table'], capture_output=True, text=True, check=True).stdout.splitlines()]
        first = {name.split()[0] for name, _, _ in table}
        self.assertGreater(len(first), 10)
        self.assertEqual(first, shell('antigravity-proxy '))
        for group in {name.split()[0] for name, _, _ in table if ' ' in name}:
            self.assertEqual({name.split()[1] for name, _, _ in table if name.startswith(group + ' ')}, shell(f'antigravity-proxy {group} '))
        for name, options, _ in table:
            with self.subTest(verb=name):
                self.assertEqual({each.rstrip('=') for each in options.split()}, {each.rstrip('=') for each in shell(f'antigravity-proxy {name} --')})
        self.assertEqual({'gemini-3-flash'}, shell('antigravity-proxy usage --model gem'))
        self.assertEqual({'claude-opus'}, shell('antigravity-proxy usage --model=cla'))
        self.assertEqual({'value-of-host'}, shell('antigravity-proxy policy check value'))
        for verb in ('usage', 'records', 'export --format csv'):
            self.assertEqual({'value-of-cascade'}, shell(f'antigravity-proxy {verb} --cascade val'))
        self.assertEqual({'value-of-uid'}, shell('antigravity-proxy usage --cascade=x --uid value'))
        self.assertEqual({'csv'}, shell('antigravity-proxy export --format c'))
        self.assertLessEqual({'-24h', '-7d'}, shell('antigravity-proxy usage --model x --since=-'))
        self.assertEqual({'day'}, {each.split(',')[-1] for each in shell('antigravity-proxy usage --by model,d')})
        (self.folder / 'a-recording.har').touch()
        self.assertLessEqual({'a-recording.har'}, shell('antigravity-proxy replay a-rec'))
        shell('antigravity-proxy usage --model ')
        self.assertFalse(self.ran.exists(), 'a name was run')

    def test_bash(self):
        self.check(self.bash)

    def test_fish(self):
        self.check(self.fish)

    def test_zsh(self):
        self.check(self.zsh)

    def test_silent_without_the_service(self):
        (self.folder / 'antigravity-proxy').write_text('#!/bin/sh\necho "no service" >&2\nexit 69\n')
        for shell in (self.bash, self.fish, self.zsh):
            if shutil.which(shell.__name__):
                self.assertEqual(set(), shell('antigravity-proxy usage --model '), shell.__name__)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
