"""Holds the service at a step of its life while a case does something to it.

A gate is a program of the container that says the name of its step on a socket and goes on when it is
told to. Drop-ins of the units run it, and it stands in place of the programs that the helper and the
package's scripts call: whoever has reached the step waits there, so that no case has to hit a moment.
Nothing of the product knows about it. Who is killed is found from the host, in /proc.

No program is called to change a table of nf_tables, and the kernel does it in one transaction. But the helper
looks at iptables too before it makes the table and whenever it looks at its rules: it is held there, with
the table not yet made (`look`) or in place (`look.held`). There is no third state to be killed in.
"""

import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from container import ContainerError

PLACE = '/usr/libexec/steps'  # from where the helper's sandbox lets it run programs
GATE = f'{PLACE}/gate'
UNHEARD = f'{PLACE}/unheard'
DROP_INS = '/etc/systemd/system/{}.d/90-steps.conf'
PATIENCE = 60  # seconds until a step that is to come must have come

GATE_PROGRAM = f'''\
#!/usr/bin/perl
# gate STEP [PROGRAM NAME ARGUMENT...]
use strict;
use IO::Socket::UNIX;
my $step = shift;
my $test = IO::Socket::UNIX->new(Peer => '{PLACE}/socket');
my $fault = $test ? '' : "$! ($@)";
if ($test) {{
  print $test "$step\\n";
  $test->flush;
  my $go = <$test>;
  $fault = "was not told to go: $!" unless defined $go;
  close $test;
}}
if ($fault and open my $log, '>>', '{UNHEARD}') {{
  print $log "$step: $fault\\n";
}}
if (@ARGV) {{
  my $program = shift;
  exec {{$program}} @ARGV;
  exit 127;
}}
'''

# Name of the step, the unit, and where the gate stands in it: before or after the unit's own lines.
UNIT_GATES = (
    ('sockets', 'antigravity-proxy-api.socket', 'ExecStartPost', 'after'),
    ('daemon.exec', 'antigravity-proxy.service', 'ExecStartPre', 'before'),
    ('daemon.ready', 'antigravity-proxy.service', 'ExecStartPost', 'after'),
    ('daemon.stop', 'antigravity-proxy.service', 'ExecStop', 'before'),
    ('daemon.ended', 'antigravity-proxy.service', 'ExecStopPost', 'before'),
    ('released', 'antigravity-proxy.service', 'ExecStopPost', 'after'),
    ('reload', 'antigravity-proxy.service', 'ExecReload', 'before'),
    ('reloaded', 'antigravity-proxy.service', 'ExecReload', 'after'),
    ('socket.stop', 'antigravity-proxy-intercept.socket', 'ExecStopPost', 'before'),
    ('helper.ready', 'antigravity-proxy-helper.service', 'ExecStartPost', 'after'),
    # Rules that it holds are there at the first, and at the second when it comes back.
    ('helper.stop', 'antigravity-proxy-helper.service', 'ExecStop', 'before'),
    ('helper.ended', 'antigravity-proxy-helper.service', 'ExecStopPost', 'after'),
    # Of each language server; of the unit before it that asks the program for its flags: help.exec, and help.up unless
    # that one has ended by then.
    ('ls.exec', 'antigravity-ls-.service', 'ExecStartPre', 'before'),
    ('ls.up', 'antigravity-ls-.service', 'ExecStartPost', 'after'),
)
# Name of the step, and the program whose calls are counted. Calls of iptables are a `look` or a `change`.
PROGRAM_GATES = (('iptables', '/usr/sbin/xtables-nft-multi'),
                 ('configure', '/usr/bin/systemd-sysusers'), ('restart', '/usr/bin/deb-systemd-invoke'))
IPTABLES_STEPS = {'save': 'look', 'restore': 'change'}

# Says whether our table is there; run in the container's network alone.
HAS_TABLE = r'''
import socket, struct
name = b'antigravity_proxy\0'
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.settimeout(5)
attribute = struct.pack('=HH', 4 + len(name), 1) + name
attribute += bytes(-len(attribute) % 4)
s.sendto(struct.pack('=IHHIIBBH', 20 + len(attribute), 10 << 8 | 1, 1, 1, 0, 1, 0, 0) + attribute, (0, 0))
print('yes' if struct.unpack_from('=IH', s.recv(1 << 16))[1] == 10 << 8 else 'no')
'''


class Steps:
    """Gates in a container, and the socket where they are heard."""

    def __init__(self, box):
        self.box = box
        self.lock = threading.Lock()
        self.armed = None
        self.seen = []

    # Gates

    def install(self):
        self.box.run(f'mkdir -p {PLACE}')
        self.box.write(GATE, GATE_PROGRAM, 0o755)
        for unit in dict.fromkeys(unit for _, unit, _, _ in UNIT_GATES):
            self.box.write(DROP_INS.format(unit), self._drop_in(unit))
        for step, program in PROGRAM_GATES:
            # The program keeps its name, which some of them look at; links to it lead to the gate.
            self.box.write(f'{PLACE}/wrapper', f'''\
#!/usr/bin/perl
(my $name = $0) =~ s,.*/,,;
(my $verb = $name) =~ s,.*-,,;
exec '{GATE}', '{step}' eq 'iptables' ? "iptables.$verb" : '{step}', '{program}.real', $name, @ARGV;
''', 0o755)
            self.box.run(f'if [ -x {program} ] && [ ! -e {program}.real ]; then '
                         f'mv {program} {program}.real && cp {PLACE}/wrapper {program}; fi')
        self.box.run('systemctl', 'daemon-reload')
        self._listen()

    def remove(self):
        self.server.close()
        for unit in dict.fromkeys(unit for _, unit, _, _ in UNIT_GATES):
            path = DROP_INS.format(unit)
            self.box.run(f'rm -rf {path.rpartition("/")[0]}')
        for _, program in PROGRAM_GATES:
            self.box.run(f'if [ -e {program}.real ]; then mv -f {program}.real {program}; fi')
        self.box.run(f'rm -rf {PLACE}; systemctl daemon-reload')

    def _drop_in(self, unit):
        section = 'Socket' if unit.endswith('.socket') else 'Service'
        lines = [f'[{section}]']
        shipped = self.box.run('systemctl', 'cat', unit, check=False).out.splitlines()
        for directive in dict.fromkeys(d for _, u, d, _ in UNIT_GATES if u == unit):
            gates = {place: f'{directive}=+{GATE} {step}:%N'
                     for step, u, d, place in UNIT_GATES if (u, d) == (unit, directive)}
            own = [line for line in shipped if line.startswith(f'{directive}=')]
            lines += [f'{directive}=', *([gates['before']] if 'before' in gates else []), *own,
                      *([gates['after']] if 'after' in gates else [])]
        return '\n'.join(lines) + '\n'

    # What comes through them

    def _listen(self):
        path = self.box.root / PLACE.lstrip('/') / 'socket'
        self.box.run(f'rm -f {PLACE}/socket')
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(str(path))
        os.chmod(path, 0o777)
        self.server.listen(64)
        threading.Thread(target=self._serve, args=(self.server,), daemon=True).start()

    def listen_again(self):
        """After a boot: the socket file of before leads nowhere."""
        self.server.close()
        self._listen()

    def _serve(self, server):
        while True:
            try:
                gate, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(gate,), daemon=True).start()

    def _answer(self, gate):
        with gate:
            step, _, unit = gate.makefile().readline().strip().partition(':')
            if unit.startswith('antigravity-ls-help-'):
                step = step.replace('ls.', 'help.')
            if step.startswith('iptables.'):
                step = IPTABLES_STEPS.get(step.partition('.')[2], step)
            action = None
            with self.lock:
                # Asked for only where a row wants to know: it takes a moment.
                if step == 'look' and self.armed and self.armed.step == 'look.held' and self._has_table():
                    step = 'look.held'
                self.seen.append(step)
                if self.armed and self.armed.is_at(self.seen):
                    action, self.armed = self.armed, None
            if action:
                action.run()
            try:
                gate.sendall(b'go\n')
            except OSError:
                pass  # whoever stood there was killed

    def _has_table(self):
        asked = subprocess.run(['nsenter', f'--target={self.box.init}', '--net', '--', sys.executable, '-c', HAS_TABLE],
                               capture_output=True, text=True, timeout=30, check=True)
        return asked.stdout.strip() == 'yes'

    def arm(self, step, nth, action):
        with self.lock:
            self.seen = []
            (self.box.root / UNHEARD.lstrip('/')).unlink(missing_ok=True)
            self.armed = Armed(step, nth, action)
            return self.armed

    def disarm(self):
        with self.lock:
            self.armed = None

    def what_came(self):
        """For whoever missed a step: those that were seen, and the gates that nobody listened to."""
        with self.lock:
            seen = ' '.join(step for step, _ in itertools.groupby(self.seen))
        return f'seen: {seen}\nnot heard: {self.box.run(f"cat {UNHEARD} 2>&1", check=False).out.strip()}'


class Armed:
    """Something to do when a step comes for the n-th time."""

    def __init__(self, step, nth, action):
        self.step, self.nth, self.action = step, nth, action
        self.done = threading.Event()
        self.fault = None

    def is_at(self, seen):
        return seen[-1] == self.step and seen.count(self.step) == self.nth

    def run(self):
        try:
            self.action()
        except Exception as error:  # told by wait(), in the thread of the case
            self.fault = error
        self.done.set()

    def wait(self, ended):
        """@param ended  says that the phase is over, so that the step cannot come any more.
        @return whether it came."""
        for _ in range(PATIENCE * 20):
            if self.done.wait(0.05):
                if self.fault:
                    raise self.fault
                return True
            if ended():
                return self.done.wait(0.5)
        raise ContainerError(f'step {self.step} {self.nth} neither came nor was passed by')


# Victims

def uid_of(box, account):
    for line in (box.root / 'etc/passwd').read_text().splitlines():
        if line.startswith(f'{account}:'):
            return int(line.split(':')[2])
    raise ContainerError(f'there is no account {account}')


def processes(box, victim):
    """The host's ids of the victim's processes; of the helper also of one that releases."""
    program = {'helper': 'antigravity-proxy-helper', 'daemon': 'antigravity-proxyd', 'bus': 'dbus-daemon',
               'ls': 'language_server_linux_x64'}[victim]
    here = os.readlink(f'/proc/{box.init}/ns/pid')
    account = uid_of(box, 'antigravity-ls') if victim == 'ls' else None
    found = []
    for entry in Path('/proc').iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if os.readlink(entry / 'ns/pid') != here:
                continue
            # A program that was replaced by an upgrade is "(deleted)" or "….dpkg-tmp".
            name = os.path.basename(os.readlink(entry / 'exe').removesuffix(' (deleted)').removesuffix('.dpkg-tmp'))
            if name == program and (account is None or entry.stat().st_uid == account):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def kill(box, victims):
    """SIGKILL at once to every process of each victim; waits until they are gone."""
    found = {victim: processes(box, victim) for victim in victims}
    absent = [victim for victim, pids in found.items() if not pids]
    handles = []
    for pids in found.values():
        for pid in pids:
            try:
                handle = os.pidfd_open(pid)
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                handles.append(handle)
            except ProcessLookupError:
                continue
    for handle in handles:
        select.select([handle], [], [], 10)
        os.close(handle)
    if absent:
        raise ContainerError(f'the table is wrong: at this step there is no {", no ".join(absent)}')
