"""A throw-away Debian container with systemd as PID 1, on top of a cached tree.

Works on a machine with or without systemd as its own PID 1 and with any cgroup layout. Everything
that the container needs from the host (mounts, cgroups, a scratch directory) ends with it; the
mounts live in this process's own mount namespace (see `own_mount_namespace`), so that they end even
when this process is killed.
"""

import ctypes
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
PR_SET_PDEATHSIG = 1


class ContainerError(Exception):
    pass


class Output:
    """What a command in the container said."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    @property
    def text(self):
        return self.out + self.err

    def __str__(self):
        return f'{self.command}\nexit {self.code}\n{self.out}{self.err}'


def own_mount_namespace():
    """Starts this program again inside a mount namespace of its own, once."""
    if os.environ.get('AGP_MOUNT_NAMESPACE') == 'own':
        return
    os.environ['AGP_MOUNT_NAMESPACE'] = 'own'
    os.execvp('unshare', ['unshare', '--mount', '--propagation', 'slave',
                          sys.executable, '-B', *sys.argv])


PATIENCE = 4


def poll(condition, seconds, what, interval=0.1):
    """Waits for a condition with a bounded deadline; returns its first true value.

    @param seconds  ample for a machine that is not starved; one that is gets several times as long."""
    deadline = time.monotonic() + PATIENCE * seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise ContainerError(f'{what}: not so after {seconds} s')
        time.sleep(interval)


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Container:
    def __init__(self, tree, name, scratch, log=sys.stderr):
        self.tree = Path(tree)
        self.name = f'{name}-{os.getpid()}'
        self.scratch = Path(scratch) / f'run-{self.name}'
        self.root = self.scratch / 'root'
        self.console = self.scratch / 'console.log'
        self.log = log
        self.nspawn = None
        self.init = None
        self.cgroups = []
        self.mounted = False

    # Life cycle

    def prepare(self):
        """Makes the root directory writable without touching the cached tree."""
        sweep(self.scratch.parent)
        for part in ('upper', 'work', 'root'):
            (self.scratch / part).mkdir(parents=True)
        options = f'lowerdir={self.tree},upperdir={self.scratch}/upper,workdir={self.scratch}/work'
        mount = subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o', options, str(self.root)],
                               capture_output=True, text=True)
        self.mounted = mount.returncode == 0
        if not self.mounted:  # a host whose cache lies on an overlay itself
            self.root.rmdir()
            subprocess.run(['cp', '-a', '--reflink=auto', str(self.tree), str(self.root)], check=True)

    def boot(self, seconds=90):
        """Boots and waits until systemd inside says that it is done."""
        command = ['systemd-nspawn', '--quiet', '--register=no', '--keep-unit', '--boot',
                   '--private-network', '--resolv-conf=off', '--timezone=off', '--link-journal=no',
                   '--kill-signal=SIGRTMIN+3', '--system-call-filter=bpf', '--console=pipe',
                   f'--machine={self.name}', f'--directory={self.root}']
        if Path('/run/systemd/system').exists():
            command = ['systemd-run', '--scope', '--quiet', '--collect', f'--unit={self.name}',
                       '--property=Delegate=yes', *command]
            self.cgroups = []
        else:
            self.cgroups = self._make_cgroups()

        def enter():
            die_with_parent()
            for group in self.cgroups:
                (group / 'cgroup.procs').write_text(str(os.getpid()))

        # Debian 13's systemd refuses cgroup v1, Debian 12's takes either.
        environment = dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY='1')
        with open(self.console, 'wb') as console:
            self.nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console,
                                           stderr=console, preexec_fn=enter, env=environment)
        self.init = poll(self._find_init, 20, 'the container has an init process')

        def settled():
            if self.nspawn.poll() is not None:
                raise ContainerError('the container ended while booting:\n' + self.console_tail())
            state = self.run('systemctl', 'is-system-running', check=False).out.strip()
            if state == 'degraded':
                failed = self.run('systemctl', '--failed', '--no-legend', '--plain', check=False).out
                raise ContainerError(f'units failed while the container booted:\n{failed}')
            return state == 'running'

        try:
            poll(settled, seconds, 'the container has booted')
        except ContainerError as error:
            raise ContainerError(f'{error}\n{self.console_tail()}') from error

    def stop(self, keep=False):
        if self.nspawn and self.nspawn.poll() is None:
            for how, patience in ((signal.SIGTERM, 15), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
                self.nspawn.send_signal(how)
                try:
                    self.nspawn.wait(patience)
                    break
                except subprocess.TimeoutExpired:
                    continue
        for group in self.cgroups:
            remove_cgroup(group)
        for leftover in ('propagate', 'unix-export'):
            try:
                os.rmdir(f'/run/systemd/nspawn/{leftover}/{self.name}')
            except OSError:
                pass
        if keep:
            print(f'kept: {self.scratch}', file=self.log)
            return
        if self.mounted:
            subprocess.run(['umount', '--lazy', str(self.root)], check=False)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def cut_power(self):
        """Every process ends at once; what is on the disk stays, and boot() may follow."""
        os.kill(self.init, signal.SIGKILL)  # takes all others of its namespace along
        self.nspawn.kill()
        self.nspawn.wait(15)
        poll(lambda: not Path(f'/proc/{self.init}').exists(), 15, 'the container is dead')
        for group in self.cgroups:
            remove_cgroup(group)

    def shut_down(self):
        """As an administrator does it: every service is stopped in its order; boot() may follow."""
        self.nspawn.send_signal(signal.SIGTERM)
        self.nspawn.wait(120)
        for group in self.cgroups:
            remove_cgroup(group)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # Commands

    def _enter(self, user):
        command = ['nsenter', f'--target={self.init}', '--all', '--', 'env', '-i', f'PATH={PATH}',
                   'LC_ALL=C.UTF-8', 'SYSTEMD_PAGER=', 'SYSTEMD_COLORS=0', 'HOME=/root',
                   'DEBIAN_FRONTEND=noninteractive', 'TERM=dumb']
        if user:
            group = 'nogroup' if user == 'nobody' else user
            command += ['setpriv', f'--reuid={user}', f'--regid={group}', '--init-groups', '--']
        return command

    def run(self, *command, user=None, env=None, check=True, timeout=60, stdin=None):
        """Runs a command in the container. A single argument is a shell script."""
        if len(command) == 1:
            command = ('sh', '-c', command[0])
        extra = ['env', *[f'{k}={v}' for k, v in (env or {}).items()]] if env else []
        # The time limit is kept inside: ending nsenter would leave the command running.
        full = [*self._enter(user), 'timeout', '--kill-after=5', str(timeout), *extra, *command]
        done = subprocess.run(full, capture_output=True, text=True, errors='replace', input=stdin,
                              stdin=subprocess.DEVNULL if stdin is None else None,
                              timeout=timeout + 30)
        output = Output(' '.join(command), done.returncode, done.stdout, done.stderr)
        if check and done.returncode != 0:
            raise ContainerError(str(output))
        return output

    def start(self, *command, user=None, env=None):
        """Starts a command in the container without waiting; the caller waits for the result."""
        extra = ['env', *[f'{k}={v}' for k, v in (env or {}).items()]] if env else []
        return subprocess.Popen([*self._enter(user), *extra, *command], text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, preexec_fn=die_with_parent)

    def terminal(self, *command, user=None, rows=24, columns=80, env=None):
        """Starts a command on a terminal of its own; returns the process and the terminal's other end."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        settings = {'TERM': 'xterm-256color', **(env or {})}
        process = subprocess.Popen([*self._enter(user), 'env', *(f'{k}={v}' for k, v in settings.items()), *command],
                                   stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=die_with_parent)
        os.close(theirs)
        return process, ours

    def shown_on_terminal(self, *command, **settings):
        """What a command shows on a terminal until it ends, without colours."""
        process, end = self.terminal(*command, **settings)
        said = b''
        try:
            while chunk := os.read(end, 65536):
                said += chunk
        except OSError:
            pass  # EIO: nobody has the other end any more
        finally:
            os.close(end)
            process.wait()
        return re.sub(r'\x1b\[[0-9;]*m', '', said.decode()).replace('\r\n', '\n')

    def unit(self, name, *command, properties=()):
        """Runs a long-lived command as a transient unit of the container's systemd."""
        self.run('systemd-run', '--quiet', '--collect', f'--unit={name}',
                 *[f'--property={p}' for p in properties], '--', *command)

    # Files

    def write(self, path, text, mode=0o644):
        inside = self.root / path.lstrip('/')
        if self.nspawn:  # through the container: an overlay changed from outside is undefined
            self.run(f'mkdir -p "$(dirname {path})" && cat > {path} && chmod {mode:o} {path}', stdin=text)
            return
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.write_text(text)
        inside.chmod(mode)

    def copy_in(self, source, path, mode=None):
        """Copies a file from the host; only before the container boots."""
        inside = self.root / path.lstrip('/')
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, inside)
        if mode is not None:
            inside.chmod(mode)

    def console_tail(self, lines=30):
        text = self.console.read_text(errors='replace') if self.console.exists() else ''
        return '\n'.join(text.splitlines()[-lines:])

    # Host side

    def _find_init(self):
        """The host's pid of the container's PID 1: a descendant of nspawn."""
        pending = [self.nspawn.pid]
        while pending:
            pid = pending.pop()
            try:
                status = Path(f'/proc/{pid}/status').read_text()
                children = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
            except OSError:
                continue
            for line in status.splitlines():
                if line.startswith('NSpid:') and line.split()[-1] == '1' and len(line.split()) > 2:
                    return pid
            pending += [int(c) for c in children]
        if self.nspawn.poll() is not None:
            raise ContainerError('systemd-nspawn ended:\n' + self.console_tail())
        return None

    def _make_cgroups(self):
        """A cgroup of its own in systemd's hierarchy and in the unified one, whichever exist."""
        bases = []
        for line in Path('/proc/self/mountinfo').read_text().splitlines():
            fields = line.split()
            kind = fields[fields.index('-') + 1]
            options = fields[-1].split(',')
            if kind == 'cgroup2' or (kind == 'cgroup' and 'name=systemd' in options):
                bases.append(Path(fields[4]))
        groups = []
        for base in dict.fromkeys(bases):
            group = base / self.name
            try:
                group.mkdir()
            except OSError as error:
                raise ContainerError(f'cannot make the cgroup {group}: {error}') from error
            groups.append(group)
        return groups


def remove_cgroup(group):
    for directory, _, _ in os.walk(group, topdown=False):
        for _ in range(20):  # a cgroup stays busy for a moment after its last process
            try:
                os.rmdir(directory)
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.05)


def sweep(scratch):
    """Removes what a killed run left: its name ends in the pid, and that process is gone."""
    for left in Path(scratch).glob('run-*'):
        pid = left.name.rsplit('-', 1)[-1]
        if pid.isdigit() and not Path(f'/proc/{pid}').exists():
            shutil.rmtree(left, ignore_errors=True)
