"""What the peers run in: packages, certificates, addresses, the built programs, their processes."""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import figures

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get('AGP_CACHE', '/var/cache/antigravity-proxy-dev'))
HOST = 'daily-cloudcode-pa.googleapis.com'
HOST_WITHOUT_TICKETS = 'cloudcode-pa.googleapis.com'
FRESH_HOSTS = 'b%08x-aiplatform.googleapis.com'
ADDRESSES = {'h1': '203.0.113.10', 'h2': '203.0.113.11'}
CONTROL = '127.0.0.1:8799'
API = '127.0.0.1:8741'
PROXY_CORE, LOAD_CORE = 0, 1
OPEN_FILES = 100_000


class Unusable(Exception):
    """A peer or a tool cannot be set up; the text says why."""


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True, **more)
    if done.returncode != 0:
        raise Unusable(f'{Path(str(command[0])).name} failed: {(done.stderr or done.stdout).strip()[-400:]}')
    return done.stdout


def say(text):
    print(text, file=sys.stderr, flush=True)


def installed(package):
    done = subprocess.run(['dpkg-query', '-W', '-f', '${db:Status-Abbrev}', package], capture_output=True, text=True)
    return done.stdout == 'ii '


def install(packages):
    """Installs what is missing. The packages' own services are not wanted and not started."""
    missing = [p for p in packages if not installed(p)]
    if not missing:
        return
    say(f'installing {" ".join(missing)}')
    # Asked by each package's scripts before a service is started: 101 means no.
    policy = Path('/usr/sbin/policy-rc.d')
    had_policy = policy.exists()
    if not had_policy:
        policy.write_text('#!/bin/sh\nexit 101\n')
        policy.chmod(0o755)
    command = ['apt-get', '-qq', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', 'install', *missing]
    environment = dict(os.environ, DEBIAN_FRONTEND='noninteractive', LC_ALL='C.UTF-8')
    try:
        try:
            run(*command, env=environment)
        except Unusable:
            subprocess.run(['apt-get', '-qq', 'update'], stdout=sys.stderr)
            run(*command, env=environment)
    finally:
        if not had_policy:
            policy.unlink()


def build_load(into):
    """Client and upstream, one Go program."""
    install(['golang-go'])
    environment = dict(os.environ, CGO_ENABLED='0', GOFLAGS='-mod=mod', GOTOOLCHAIN='local', GOPROXY='off')
    environment.setdefault('GOCACHE', str(CACHE / 'go'))
    run('go', 'build', '-trimpath', '-buildvcs=false', '-o', into, '.', cwd=ROOT / 'scripts/benchmark/load', env=environment)


def sources(root):
    """Every file of the tree that git does not ignore, relative to it; of a tree without git, all but what is built."""
    names = None
    if shutil.which('git'):
        done = subprocess.run(['git', '-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], capture_output=True)
        if done.returncode == 0:
            names = {Path(n) for n in done.stdout.decode().split('\0') if n}
    if names is None:
        names = {p.relative_to(root) for p in root.rglob('*') if not p.relative_to(root).parts[0].startswith(('build', '.'))}
    return {n for n in names if (root / n).is_file()}


def stamps(root):
    return {name: ((root / name).stat().st_mtime_ns, (root / name).stat().st_size) for name in sources(root)}


def snapshot(root, into):
    """A copy of the tree as it was at one moment: who edits while the daemon is built must not get two versions of one
    header into it. Files that are the same as in the last copy keep their time, so that only the others are built again."""
    for _ in range(5):
        before = stamps(root)
        for name in before:
            copy, content = into / name, (root / name).read_bytes()
            if not copy.is_file() or copy.read_bytes() != content:
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(content)
                shutil.copymode(root / name, copy)
        for old in [p for p in into.rglob('*') if p.is_file() and p.relative_to(into) not in before]:
            old.unlink()
        if stamps(root) == before:
            return
    raise Unusable(f'{root} changes all the time; wait until nobody writes there, or give --daemon or --deb')


def build_daemon(into):
    """The daemon of this tree."""
    [daemon] = build_programs(['daemon/app/antigravity-proxyd'])
    shutil.copy(daemon, into)


def build_programs(targets):
    """Programs of this tree, as it is now, with -O2 and without sanitizers; a second time only what changed."""
    build = CACHE / 'build' / ('bench-' + hashlib.sha256(str(ROOT).encode()).hexdigest()[:12])
    tree = build.with_name(build.name + '-source')
    environment = dict(os.environ)
    if shutil.which('ccache'):
        environment.update(CC='ccache gcc', CXX='ccache g++', CCACHE_DIR=str(CACHE / 'ccache'),
                           CCACHE_BASEDIR=str(tree), CCACHE_NOHASHDIR='1')
    run('bash', '-euc', f'. {shlex.quote(str(ROOT))}/scripts/lib/common.sh; host_build_dependencies')
    say(f'building {", ".join(Path(target).name for target in targets)} with -O2')
    snapshot(ROOT, tree)
    options = build / 'meson-private/cmd_line.txt'
    marker = build / 'source'
    if options.exists() and (not marker.exists() or marker.read_text() != str(tree) or 'benchmarks' not in options.read_text()):
        shutil.rmtree(build)  # of another version of this script, which built the tree itself
    if not (build / 'build.ninja').exists():
        build.parent.mkdir(parents=True, exist_ok=True)
        run('meson', 'setup', build, tree, '--buildtype=debugoptimized', '-Dbenchmarks=true', env=environment)
        marker.write_text(str(tree))
    jobs = os.environ.get('AGP_JOBS', str(os.cpu_count()))
    run('ninja', '-C', build, '-j', jobs, *targets, env=environment)
    return [build / target for target in targets]


def unpack_daemon(deb, scratch):
    run('dpkg-deb', '-x', deb, scratch / 'package')
    return scratch / 'package/usr/libexec/antigravity-proxy/antigravity-proxyd'


def certificates(scratch):
    """ca.pem signs the upstream's leaf, and is what those peers mint with that bring no CA of their own."""
    curve = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes')
    run('openssl', 'req', '-x509', *curve, '-days', '2', '-subj', '/CN=benchmark CA', '-keyout', scratch / 'ca.key',
        '-out', scratch / 'ca.pem')
    run('openssl', 'req', *curve, '-subj', f'/CN={HOST}', '-keyout', scratch / 'leaf.key', '-out', scratch / 'leaf.csr')
    (scratch / 'san').write_text(f'subjectAltName=DNS:{HOST},DNS:{HOST_WITHOUT_TICKETS},DNS:*.googleapis.com\n'
                                 'extendedKeyUsage=serverAuth\n')
    run('openssl', 'x509', '-req', '-in', scratch / 'leaf.csr', '-CA', scratch / 'ca.pem', '-CAkey', scratch / 'ca.key',
        '-CAcreateserial', '-days', '2', '-extfile', scratch / 'san', '-out', scratch / 'leaf.pem')
    (scratch / 'both.pem').write_text((scratch / 'leaf.pem').read_text() + (scratch / 'leaf.key').read_text())


def network(redirects):
    """Addresses and, for each (uid, address, port), the redirect that a helper would have made."""
    run('ip', 'link', 'set', 'lo', 'up')
    for address in ADDRESSES.values():
        run('ip', 'address', 'add', f'{address}/32', 'dev', 'lo')
    # Thousands of short connections between the same two addresses, each of which lingers for a minute.
    for name, value in (('net/ipv4/tcp_tw_reuse', '1'), ('net/ipv4/ip_local_port_range', '10000 65535'),
                        ('net/core/somaxconn', '16384')):
        Path('/proc/sys', name).write_text(value)
    for uid, address, port in redirects:
        run('iptables', '-t', 'nat', '-A', 'OUTPUT', '-p', 'tcp', '-d', address, '--dport', '443', '-m', 'owner',
            '--uid-owner', str(uid), '-j', 'REDIRECT', '--to-ports', str(port))
    linger = Path('/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait')
    if linger.exists():
        linger.write_text('2')


def listens(address, port):
    return figures.listening(Path('/proc/net/tcp').read_text(), address, port)


class Process:
    """One program of ours with all its children, pinned to a core."""

    def __init__(self, name, scratch, core, command, environment=None):
        self.name, self.log = name, scratch / f'{name}.log'
        self.started = time.monotonic()
        with open(self.log, 'a') as log:
            self.child = subprocess.Popen(['taskset', '-c', str(core), *[str(c) for c in command]], stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, env=environment)

    def wait_until_listening(self, address, ports, seconds=30):
        """@return seconds from the start of the process until it listens on all of them."""
        while time.monotonic() < self.started + seconds:
            if all(listens(address, port) for port in ports):
                return time.monotonic() - self.started
            if self.child.poll() is not None:
                break
            time.sleep(0.001)
        state = 'ended' if self.child.poll() is not None else f'does not listen on {address}:{ports}'
        raise Unusable(f'{self.name} {state}: {self.log.read_text()[-300:].strip()}')

    def pids(self):
        parents = {}
        for entry in Path('/proc').iterdir():
            if entry.name.isdigit():
                try:
                    parents[int(entry.name)] = figures.parent((entry / 'stat').read_text())
                except (FileNotFoundError, ProcessLookupError):
                    pass  # it ended meanwhile
        return figures.descendants(self.child.pid, parents)

    def cpu(self):
        ticks = os.sysconf('SC_CLK_TCK')
        total = 0.0
        for pid in self.pids():
            try:
                total += figures.cpu_seconds(Path(f'/proc/{pid}/stat').read_text(), ticks)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return total

    def settled_cpu(self, seconds=3.0):
        """What it has used, once it does nothing any more: records that are still written belong to the call."""
        deadline = time.monotonic() + seconds
        before = self.cpu()
        while time.monotonic() < deadline:
            time.sleep(0.1)
            now = self.cpu()
            if now - before < 0.02:
                return now
            before = now
        return before

    def rss_kib(self):
        return sum(figures.rss_kib(Path(f'/proc/{pid}/smaps_rollup').read_text()) for pid in self.pids())

    def stop(self, seconds=20):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                for pid in self.pids():
                    try:
                        os.kill(pid, 9)
                    except ProcessLookupError:
                        pass
                self.child.wait()
