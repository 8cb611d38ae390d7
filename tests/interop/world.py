"""The world of the interop cases: one network namespace, everything on its loopback device.

    203.0.113.10:443   fake-upstream, control on :8080
    203.0.113.20:443   a real gRPC server (python3-grpcio), started by its case
    203.0.113.40:443   listeners of the differential cases; redirected for every uid but the daemon's
    203.0.113.41:443   the same, never redirected
    127.0.0.1:8742     the daemon under test, its API on :8741, HTTP CONNECT on :8743 and :8744, cleartext
                       endpoints on :8745 to :8747

Connections of the uid PROXIED to port 443 are redirected to the daemon, as in production; those of
DIRECT are not. What a client sees must not depend on which of the two runs it.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

PROXIED, DIRECT, DAEMON = 20001, 20002, 20003
OWNER = 'agp-owner'  # the name of PROXIED
UPSTREAM, GRPC, LAB, LAB_DIRECT = '203.0.113.10', '203.0.113.20', '203.0.113.40', '203.0.113.41'
INTERCEPT = 8742
# capture.connect, listen.connect, and what stands for MODEL_HOST, LAB_HOST, h1.example.test in cleartext.
CONNECT, LISTEN_CONNECT, REVERSE, REVERSE_LAB, REVERSE_H1 = 8743, 8744, 8745, 8746, 8747
API = 'http://127.0.0.1:8741'
CONTROL = f'http://{UPSTREAM}:8080'
MODEL_HOST = 'daily-cloudcode-pa.googleapis.com'
OPENAI = 'api.openai.com'
UPSTREAM_CA = 'Fake Upstream Root CA'

# Hosts that behave in their own way below HTTP; every one of them is inspected.
PROFILES = {
    'h1.example.test': 'alpn=h1', 'h2.example.test': 'alpn=h2', 'none.example.test': 'alpn=none',
    'tls12.example.test': 'tls=1.2', 'tls13.example.test': 'tls=1.3', 'tls11.example.test': 'tls=1.1',
    'no-tickets.example.test': 'tickets=off', 'raw.example.test': 'raw=echo',
    'expired.example.test': 'cert=expired', 'not-yet.example.test': 'cert=not-yet',
    'self-signed.example.test': 'cert=self-signed', 'wrong-name.example.test': 'cert=wrong-host',
    'untrusted.example.test': 'cert=untrusted-root', 'rsa1024.example.test': 'cert=rsa-1024',
    'sha1.example.test': 'cert=sha1', 'client-only.example.test': 'cert=client-only',
}
LAB_HOST, GRPC_HOST = 'lab.example.test', 'grpc.example.test'
# Not on the list of inspected hosts: tunnelled.
TUNNELLED = 'tunnelled.other.test'
PLAIN_HOST = 'plain.example.test'
# The host of the smuggling corpus; it has no address, only the Lab plays it.
CORPUS_HOST = 'api.example.com'


def poll(probe, seconds, what):
    """Waits for a state of another process; the only kind of waiting there is."""
    end = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f'not within {seconds} s: {what}')
        time.sleep(0.05)


def get(url, method='GET', timeout=20):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, method=method), timeout=timeout) as answer:
        return json.load(answer)


class Output:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def text(self):
        return self.out.decode(errors='replace')

    def __str__(self):
        return f'exit {self.code}\n{self.text[-1500:]}\n{self.err.decode(errors="replace")[-1500:]}'


class World:
    def __init__(self, daemon, doubles):
        self.daemon, self.doubles = Path(daemon).resolve(), Path(doubles).resolve()
        self.scratch = Path(tempfile.mkdtemp(prefix='agp-interop-', dir='/var/tmp'))
        self.scratch.chmod(0o755)
        self.children = {}
        self.bundle = self.scratch / 'bundle.pem'

    # Set-up

    def open(self):
        self._network()
        self._names()
        self._upstream()
        self.start_daemon()

    def close(self):
        for child in self.children.values():
            child.send_signal(signal.SIGTERM)
        for child in self.children.values():
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _network(self):
        def run(*command):
            subprocess.run(command, check=True, capture_output=True)
        run('ip', 'link', 'set', 'lo', 'up')
        for address in (UPSTREAM, GRPC, LAB, LAB_DIRECT):
            run('ip', 'address', 'add', f'{address}/32', 'dev', 'lo')
        rule = ('iptables', '-w', '-t', 'nat', '-A', 'OUTPUT', '-p', 'tcp', '--dport', '443', '-m', 'owner')
        target = ('-j', 'REDIRECT', '--to-ports', str(INTERCEPT))
        run(*rule, '--uid-owner', str(PROXIED), *target)
        run(*rule, '!', '--uid-owner', str(DAEMON), '-d', LAB, *target)

    def _names(self):
        """A hosts file of this mount namespace, so that every client resolves as it always does."""
        lines = ['127.0.0.1 localhost', '::1 localhost', f'{GRPC} {GRPC_HOST}', f'{LAB} {LAB_HOST}',
                 f'{UPSTREAM} {TUNNELLED} {PLAIN_HOST}']
        lines += [f'{UPSTREAM} {host}' for host in (MODEL_HOST, OPENAI, 'generativelanguage.googleapis.com', *PROFILES)]
        hosts = self.scratch / 'hosts'
        hosts.write_text('\n'.join(lines) + '\n')
        subprocess.run(['mount', '--make-rprivate', '/'], check=True)
        subprocess.run(['mount', '--bind', str(hosts), '/etc/hosts'], check=True)
        # And the one whose IDE it is has a name.
        passwd = self.scratch / 'passwd'
        passwd.write_text(Path('/etc/passwd').read_text() + f'{OWNER}:x:{PROXIED}:{PROXIED}::/nonexistent:/usr/sbin/nologin\n')
        subprocess.run(['mount', '--bind', str(passwd), '/etc/passwd'], check=True)

    def spawn(self, name, *command, uid=None, env=None):
        log = open(self.scratch / f'{name}.log', 'ab')
        as_user = ['setpriv', '--reuid', str(uid), '--regid', str(uid), '--clear-groups'] if uid else []
        self.children[name] = subprocess.Popen([*as_user, *map(str, command)], stdout=log, stderr=log,
                                               stdin=subprocess.DEVNULL, env=dict(os.environ, **(env or {})))
        return self.children[name]

    def end(self, name):
        child = self.children.pop(name)
        child.send_signal(signal.SIGTERM)
        child.wait(20)

    def log(self, name):
        path = self.scratch / f'{name}.log'
        return path.read_text(errors='replace') if path.exists() else ''

    def daemon_log(self):
        return self.log('daemon')

    def wait_port(self, name, address, port):
        def there():
            if self.children[name].poll() is not None:
                raise AssertionError(f'{name} ended: {self.log(name)[-2000:]}')
            with socket.socket() as probe:
                return probe.connect_ex((address, port)) == 0
        poll(there, 30, f'{name} listens on {address}:{port}')

    def _upstream(self):
        hosts = [f'--host={name};{knobs}' for name, knobs in PROFILES.items()]
        self.certs = self.scratch / 'certs'
        self.spawn('upstream', self.doubles / 'fake-upstream', '--cert-dir', self.certs, '--listen', f'{UPSTREAM}:443',
                   '--control', f'{UPSTREAM}:8080', '--more-names', f'{LAB_HOST},{GRPC_HOST},{TUNNELLED},{CORPUS_HOST}',
                   '--fallback', PLAIN_HOST, *hosts)
        self.wait_port('upstream', UPSTREAM, 8080)

    def start_daemon(self, upstream='', more='', language_server=''):
        """The daemon in the foreground, as containers run it; the arguments are lines for proxy.yaml."""
        self.language_server = language_server
        state = self.scratch / 'state'
        if not state.exists():
            state.mkdir(mode=0o700)
            os.chown(state, DAEMON, DAEMON)
        inspect = [MODEL_HOST, OPENAI, 'generativelanguage.googleapis.com', CORPUS_HOST, '"*.example.test"']
        reverse = [f'{{listen: "127.0.0.1:{port}", upstream: "https://{host}"}}' for port, host in
                   ((REVERSE, MODEL_HOST), (REVERSE_LAB, LAB_HOST), (REVERSE_H1, 'h1.example.test'))]
        (self.scratch / 'proxy.yaml').write_text(f'''\
capture:
  inspect: [{', '.join(inspect)}]
  connect: ["127.0.0.1:{CONNECT}"]
  reverse: [{', '.join(reverse)}]
upstream:
  extra_ca_file: {self.certs}/upstream-ca.pem
  allow_networks: [203.0.113.0/24]
{upstream}
language_server:
  mode: off
{language_server}
listen:
  intercept: ["127.0.0.1:{INTERCEPT}"]
  api: ["127.0.0.1:8741"]
  connect: ["127.0.0.1:{LISTEN_CONNECT}"]
{more}''')
        # With AddressSanitizer freed memory is kept back; without a limit that would look like growth.
        self.spawn('daemon', self.daemon, '--config', self.scratch / 'proxy.yaml', '--state-dir', state, uid=DAEMON,
                   env={'ASAN_OPTIONS': 'detect_leaks=0:quarantine_size_mb=8:malloc_context_size=5'})
        self.wait_port('daemon', '127.0.0.1', 8741)
        self.wait_port('daemon', '127.0.0.1', INTERCEPT)
        poll((state / 'ca/ca.pem').exists, 20, 'the daemon has made its CA')
        self.ca = (state / 'ca/ca.pem').read_text()
        self.bundle.write_text((self.certs / 'upstream-ca.pem').read_text() + self.ca)

    def start_ide(self, era='e1', **knobs):
        """An IDE of that era whose language server makes its calls as the redirected uid; returns how the daemon attaches to it.
        The knobs are those of the language server's double."""
        root = self.scratch / 'antigravity/resources/app/extensions/antigravity/bin'
        home = self.scratch / 'home'
        for folder in (root, home):
            folder.mkdir(parents=True, exist_ok=True)
        os.chown(home, PROXIED, PROXIED)
        shutil.copy(self.doubles / 'fake-language-server', root / 'language_server_linux_x64')
        trust = {'SSL_CERT_FILE': str(self.bundle), 'SSL_CERT_DIR': '/dev/null', 'HOME': str(home), 'FAKE_LS_AUX': 'off',
                 **{f'FAKE_LS_{name.upper()}': value for name, value in knobs.items()}}
        (self.scratch / 'ide.log').unlink(missing_ok=True)
        self.spawn('ide', self.doubles / 'fake-ide', '--ls-binary', root / 'language_server_linux_x64', '--upstream',
                   '--era', era, uid=PROXIED, env=trust)

        def ready():
            if self.children['ide'].poll() is not None:
                raise AssertionError(f'fake-ide ended: {self.log("ide")[-2000:]}')
            lines = [line for line in self.log('ide').splitlines() if line.startswith('{') and '"ready"' in line]
            return json.loads(lines[0]) if lines else None
        facts = poll(ready, 30, 'the IDE has a language server')
        token = self.scratch / 'ls-token'
        token.write_text(facts['csrf_token'])
        token.chmod(0o600)
        os.chown(token, DAEMON, DAEMON)
        return f'  attach_port: {facts["https_port"]}\n  attach_token_file: {token}'

    def ensure_daemon(self):
        """A case must not fail because an earlier one killed the daemon; that one has failed already."""
        if self.children['daemon'].poll() is not None:
            del self.children['daemon']
            self.start_daemon(language_server=self.language_server)

    def restart_daemon(self, **config):
        self.end('daemon')
        self.start_daemon(**config)

    def reload_policy(self, text):
        """Writes policy.yaml and says so with SIGHUP; returns once status shows what became of it."""
        state = lambda: ((found := self.status()['policy'])['generation'], found['loaded_at'], found['faults'])
        before = state()
        (self.scratch / 'policy.yaml').write_text(text)
        self.children['daemon'].send_signal(signal.SIGHUP)
        poll(lambda: state() != before, 10, 'the policy is read again')
        return self.status()['policy']

    def rss_mib(self):
        for line in Path(f'/proc/{self.children["daemon"].pid}/status').read_text().splitlines():
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) / 1024
        raise AssertionError('the daemon is gone')

    # Clients

    def run(self, *command, proxied=False, uid=None, stdin=b'', timeout=60, env=None):
        """Runs a client as the redirected uid or as the other one, or as a third; all trust the same bundle."""
        uid = uid or (PROXIED if proxied else DIRECT)
        trust = {name: str(self.bundle) for name in ('SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS',
                                                      'REQUESTS_CA_BUNDLE')}
        clean = {'PATH': '/usr/bin:/bin:/usr/sbin:/sbin', 'LC_ALL': 'C.UTF-8', 'HOME': '/nonexistent',
                 'TMPDIR': '/tmp', 'SSL_CERT_DIR': '/dev/null', 'PYTHONDONTWRITEBYTECODE': '1', **trust, **(env or {})}
        return Output(subprocess.run(['setpriv', '--reuid', str(uid), '--regid', str(uid), '--clear-groups',
                                      *map(str, command)], input=stdin, capture_output=True, timeout=timeout,
                                     env=clean, cwd='/', check=False))

    # What upstream saw

    def truth(self, tag=''):
        return get(f'{CONTROL}/truth' + (f'?tag={tag}' if tag else ''))

    def in_flight(self):
        """How many calls upstream answers right now."""
        return get(f'{CONTROL}/truth?wait=0s')['in_flight']

    def connections(self):
        return get(f'{CONTROL}/connections')['connections']

    def reset(self):
        get(f'{CONTROL}/reset', 'POST')

    # What the product says

    def records(self):
        return get(f'{API}/v1/usage/records?limit=1000')['records']

    def status(self):
        return get(f'{API}/v1/status')

    def metrics(self):
        """Every sample of /metrics: {name with labels: value}."""
        with urllib.request.urlopen(f'{API}/metrics', timeout=20) as page:
            lines = [line for line in page.read().decode().splitlines() if not line.startswith('#')]
        return {name: float(value) for name, _, value in (line.rpartition(' ') for line in lines)}
