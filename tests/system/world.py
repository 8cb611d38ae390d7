"""The world of a system test: a booted container, an upstream network and the package under test.

    container, root namespace                  namespace "upstream"
    up0 203.0.113.1   2001:db8:1::1   <-veth-> up1 203.0.113.10   2001:db8:1::10
    daemon, clients, fake-ide                  fake-upstream on :443, control on :8080

/etc/hosts maps the model and sign-in hosts to the upstream. Its CA is in the container's system
store and in `upstream.extra_ca_file`.
"""

import json
from pathlib import Path

from container import Container, ContainerError, poll

DOUBLES = '/opt/doubles'
UPSTREAM4, UPSTREAM6 = '203.0.113.10', '2001:db8:1::10'
CONTROL = f'http://{UPSTREAM4}:8080'
BUNDLE = '/run/antigravity-proxy-helper/ca-bundle.pem'
UPSTREAM_CA = 'Fake Upstream Root CA'
MODEL_HOST = 'daily-cloudcode-pa.googleapis.com'
SIGN_IN_HOST = 'oauth2.googleapis.com'
HOSTS = (MODEL_HOST, 'cloudcode-pa.googleapis.com', 'generativelanguage.googleapis.com',
         SIGN_IN_HOST, 'accounts.google.com', 'www.googleapis.com', 'antigravity-unleash.goog',
         'api.anthropic.com', 'api.openai.com')
# Model hosts as far as the configuration of a case goes, each with a certificate that is wrong in its way.
BAD_HOSTS = {'expired.example.test': 'expired', 'self-signed.example.test': 'self-signed',
             'wrong-name.example.test': 'wrong-host', 'untrusted.example.test': 'untrusted-root'}
DROP_IN = '/etc/antigravity-proxy/{}.yaml.d/50-test.yaml'
BACKEND = '/etc/antigravity-proxy/helper.yaml.d/40-backend.yaml'
APT = ('apt-get', '-qq', '-y', '-o', 'Dpkg::Use-Pty=0')
# One of the places where the real one is installed, so that no configuration is needed for it.
LS_BINARY = '/usr/share/antigravity/resources/app/extensions/antigravity/bin/language_server_linux_x64'
LS_KNOBS = f'{LS_BINARY.rpartition("/")[0]}/fake-ls.json'
DAEMON = 'antigravity-proxy.service'
HELPER = 'antigravity-proxy-helper.service'
# The fields of /v1/usage that the upstream's ground truth has too.
SUMS = ('calls', 'ok', 'partial', 'errors', 'usage_unknown', 'input_total', 'input_uncached',
        'cached_input', 'cache_write', 'tool_use_prompt', 'output_total', 'reasoning', 'total')

PROXY_YAML = f'''\
upstream:
  extra_ca_file: /etc/ssl/certs/fake-upstream.pem
  allow_networks:
    - 203.0.113.0/24
    - 2001:db8:1::/64
language_server:
  mode: {{mode}}
'''


def only_sums(usage):
    """Reduces a usage document, ours or the upstream's, to what must be equal."""
    pick = lambda sums: {key: sums.get(key) for key in SUMS}
    return {'totals': pick(usage['totals']),
            'groups': {g['key']['model']: pick(g) for g in usage['groups']}}


def resigned_ca(start, end):
    """Shell: the daemon's certificate of the same key and for another time, in the words of `openssl ca`."""
    return f'''set -e
        cd /var/lib/antigravity-proxy/ca
        owner=$(stat -c %U:%G ca.pem)
        openssl x509 -x509toreq -in ca.pem -signkey ca.key -copy_extensions copyall -out /tmp/ca.csr
        mkdir -p /tmp/ca && : > /tmp/ca/index && echo 01 > /tmp/ca/serial
        cat > /tmp/ca/cnf <<'END'
[ca]
default_ca = a
[a]
database = /tmp/ca/index
serial = /tmp/ca/serial
new_certs_dir = /tmp/ca
default_md = sha256
policy = p
copy_extensions = copyall
[p]
commonName = optional
organizationName = optional
organizationalUnitName = optional
END
        openssl ca -batch -notext -selfsign -config /tmp/ca/cnf -keyfile ca.key -in /tmp/ca.csr \\
          -startdate {start} -enddate {end} -out /tmp/ca.pem
        cat /tmp/ca.pem > ca.pem
        chown "$owner" ca.pem
        rm -rf /tmp/ca /tmp/ca.pem /tmp/ca.csr'''


class World:
    def __init__(self, tree, deb, doubles, scratch, name, rpm=None):
        self.deb, self.doubles = Path(deb), Path(doubles)
        self.rpm = Path(rpm) if rpm else None
        self.box = Container(tree, name, scratch)
        self.cursor = ''
        self.backend = ''

    # Set-up

    def open(self):
        self.box.prepare()
        for program in sorted(self.doubles.iterdir()):
            if program.is_file():
                self.box.copy_in(program, f'{DOUBLES}/{program.name}', 0o755)
        self.box.copy_in(self.doubles / 'fake-language-server', LS_BINARY, 0o755)
        self.box.copy_in(self.deb, '/opt/antigravity-proxy.deb', 0o644)
        if self.rpm:
            self.box.copy_in(self.rpm, '/opt/antigravity-proxy.rpm', 0o644)
        lines = ['127.0.0.1 localhost', '::1 localhost']
        for host in (*HOSTS, *BAD_HOSTS):
            lines += [f'{UPSTREAM4} {host}', f'{UPSTREAM6} {host}']
        self.box.write('/etc/hosts', '\n'.join(lines) + '\n')
        self.box.boot()
        self._network()
        self._upstream()
        self.box.run('useradd --create-home --shell /bin/bash dev')

    def cut_power_and_boot(self):
        """The container is killed and booted again. The upstream forgets its ground truth."""
        self.box.cut_power()
        self._boot_again()

    def shut_down_and_boot(self):
        """The container is shut down in order and booted again. The upstream forgets its ground truth."""
        self.box.shut_down()
        self._boot_again()

    def _boot_again(self):
        self.box.boot()
        self._network()
        self._start_upstream()

    def close(self, keep=False):
        self.box.stop(keep)

    def _network(self):
        self.box.run('''set -e
            ip netns add upstream
            ip link add up0 type veth peer name up1 netns upstream
            ip addr add 203.0.113.1/24 dev up0
            ip addr add 2001:db8:1::1/64 dev up0 nodad
            ip link set up0 up
            ip -n upstream addr add 203.0.113.10/24 dev up1
            ip -n upstream addr add 2001:db8:1::10/64 dev up1 nodad
            ip -n upstream link set lo up
            ip -n upstream link set up1 up
            ip route add default via 203.0.113.10
            ip -6 route add default via 2001:db8:1::10''')

    def _start_upstream(self):
        self.box.unit('fake-upstream', 'ip', 'netns', 'exec', 'upstream', f'{DOUBLES}/fake-upstream',
                      '--listen', f'{UPSTREAM4}:443', '--listen', f'[{UPSTREAM6}]:443',
                      *(f'--host={host};cert={kind}' for host, kind in BAD_HOSTS.items()),
                      '--control', f'{UPSTREAM4}:8080', '--cert-dir', '/var/lib/fake-upstream',
                      '--truth', '/var/log/fake-upstream.jsonl')
        poll(lambda: self.box.run(f'curl -fsS {CONTROL}/health', check=False).code == 0, 20,
             'the upstream answers')

    def start_udp_sink(self):
        """Takes QUIC's port of the upstream in silence: what is not rejected on the way is no error then."""
        for name, family, address in (('sink4', 'AF_INET', 'INADDR_ANY'), ('sink6', 'AF_INET6', 'IN6ADDR_ANY')):
            six = '6' if '6' in family else ''
            v6only = 'setsockopt($s, IPPROTO_IPV6, IPV6_V6ONLY, 1);' if six else ''
            self.box.unit(f'udp-{name}', 'ip', 'netns', 'exec', 'upstream', 'perl', '-MSocket=:all', '-e',
                          f'socket(my $s, {family}, SOCK_DGRAM, 0); {v6only} '
                          f'bind($s, pack_sockaddr_in{six}(443, {address})) or die $!; recv($s, $_, 99, 0) while 1',
                          properties=('Restart=no',))
        poll(lambda: len(self.box.run('ip netns exec upstream ss -Hlun sport = :443').out.splitlines()) == 2, 20,
             'the sinks are there')

    def stop_udp_sink(self):
        self.box.run('systemctl stop udp-sink4 udp-sink6', check=False)

    def restart_upstream(self):
        self.box.run('systemctl reset-failed fake-upstream', check=False)
        self._start_upstream()

    def _upstream(self):
        self._start_upstream()
        self.box.run('''set -e
            cp /var/lib/fake-upstream/upstream-ca.pem /etc/ssl/certs/fake-upstream.pem
            cp /var/lib/fake-upstream/upstream-ca.pem /usr/local/share/ca-certificates/fake-upstream.crt
            update-ca-certificates''')

    # The package

    def installed(self):
        return self.box.run('dpkg-query -W -f "\\${db:Status-Abbrev}" antigravity-proxy',
                            check=False).out.startswith('ii')

    def install(self):
        return self.box.run(*APT, 'install', '/opt/antigravity-proxy.deb', timeout=120)

    def purge(self):
        return self.box.run(*APT, 'purge', 'antigravity-proxy', timeout=120)

    def configure(self, mode='off', proxy='', helper=''):
        """Writes the test's own drop-ins; the shipped files stay as they were installed."""
        self.box.write(DROP_IN.format('proxy'), proxy or PROXY_YAML.format(mode=mode))
        if helper:
            self.box.write(DROP_IN.format('helper'), helper)
        self.choose_backend(self.backend)

    def choose_backend(self, backend):
        """Who is to hold the rules from the helper's next look on; '' as it is installed."""
        if backend:
            self.box.write(BACKEND, f'firewall:\n  backend: {backend}\n')
        else:
            self.box.run('rm', '-f', BACKEND)

    def start(self, check=True, capture=True):
        """Starts the service; with `capture` also waits until it says that capture is active."""
        started = self.box.run('systemctl', 'start', 'antigravity-proxy', check=check, timeout=100)
        if check and capture:
            self.wait_capture()
        return started

    def wait_capture(self, seconds=20):
        try:
            poll(lambda: self.status_document().get('capture', {}).get('active'), seconds, 'capture is active')
        except ContainerError as error:
            raise ContainerError(f'{error}\n{self.status()}') from error

    def stop(self, check=True):
        return self.box.run('systemctl', 'stop', 'antigravity-proxy', check=check, timeout=100)

    def reset(self, backend=''):
        """Whatever an earlier case did: package installed, service down, no state, no doubles' truth.

        @param backend  who holds the rules in this case, also after another configure()."""
        self.backend = backend
        if not self.installed():
            self.install()
        self.box.run('systemctl stop antigravity-proxy', check=False)
        # A helper that is stopped while the bus waits for it keeps the bus waiting for 25 s.
        poll(lambda: self.box.run('systemctl', 'is-active', HELPER, check=False).out.strip() != 'activating',
             30, 'the helper is not half started')
        self.box.run("systemctl stop 'antigravity-*' 2>/dev/null; systemctl reset-failed", check=False)
        self.box.run(f'rm -rf {LS_KNOBS} /var/lib/antigravity-proxy/* /run/systemd/system/antigravity-proxy.service.d '
                     '/etc/antigravity-proxy/*.yaml.d; systemctl daemon-reload')
        self.configure()
        shown = self.box.run('journalctl', '--sync', check=False) and \
            self.box.run('journalctl', '--quiet', '--lines=1', '--show-cursor', '--output=cat').out
        self.cursor = shown.rpartition('-- cursor: ')[2].strip()
        self.box.run(f'curl -fsS -X POST {CONTROL}/reset')

    # Calls

    def client(self, *arguments, user='antigravity-ls', check=True, timeout=120):
        """Runs the Go client as a user; the language server's own trust settings when it is that user."""
        env = {'SSL_CERT_FILE': BUNDLE, 'SSL_CERT_DIR': '/dev/null'} if user == 'antigravity-ls' else {}
        output = self.box.run(f'{DOUBLES}/fake-client', *arguments, user=user, env=env, check=False,
                              timeout=timeout)
        try:
            report = json.loads(output.out)
        except ValueError:
            raise ContainerError(str(output)) from None
        if check and output.code != 0:
            errors = [f'{c["index"]}: status {c["status"]} {c["error"]}' for c in report['calls']
                      if not c['as_expected']]
            raise ContainerError(f'{output.command} as {user}: {len(errors)} calls failed:\n'
                                 + '\n'.join(errors[:5]))
        return report

    def client_in_background(self, *arguments):
        return self.box.start(f'{DOUBLES}/fake-client', *arguments, user='antigravity-ls',
                              env={'SSL_CERT_FILE': BUNDLE, 'SSL_CERT_DIR': '/dev/null'})

    def begin_session(self, *users):
        """A service manager for each of these people, as a login of theirs would start it."""
        since = lambda unit: int(self.box.run('systemctl', 'show', '--property=ActiveEnterTimestampMonotonic', '--value', unit).out)
        uids = [self.box.run('id', '-u', user).out.strip() for user in users]
        # Where a case killed the system bus, neither logind nor a manager from before comes back to it: nobody would ask the
        # one, and the other moves nobody into a scope.
        bus = since('dbus')
        if any(since(unit) < bus for unit in ('systemd-logind', *(f'user@{uid}' for uid in uids))):
            self.box.run('rm -f /var/lib/systemd/linger/*; '
                         "systemctl stop 'user@*.service' 'user-runtime-dir@*.service'", check=False)
        # logind stops the manager of a user whom it knows neither a session nor lingering of, whoever started it. This is what
        # enable-linger does, which asks udev too; Debian 13's fails in a container without it.
        lingering = ' && '.join(f'test -e {user}' for user in users)
        self.box.run(f'mkdir -p /var/lib/systemd/linger && cd /var/lib/systemd/linger\n'
                     f'{{ {lingering}; }} || {{ touch {" ".join(users)} && systemctl restart systemd-logind; }}')
        for uid in uids:
            self.box.run(f'systemctl start user@{uid}.service')
            poll(lambda uid=uid: self.box.run(
                f'loginctl show-user {uid} --property=State --value | grep -qxE "lingering|online|active" && '
                f'systemctl -q is-active user@{uid} && test -S /run/user/{uid}/systemd/private', check=False).code == 0,
                30, f'the service manager of {uid} runs, and stays')

    def start_ide(self, *arguments, era='', user='dev', name='fake-ide'):
        """The editor's stand-in with its own language server, run by an ordinary user."""
        self.box.unit(name, f'{DOUBLES}/fake-ide', '--ls-binary', LS_BINARY, *(['--era', era] if era else []), *arguments,
                      properties=(f'User={user}', f'WorkingDirectory=/home/{user}', f'Environment=HOME=/home/{user}'))

    def wait_ide(self, name='fake-ide', seconds=30):
        """Until its language server listens."""
        poll(lambda: '"ready"' in self.journal(name), seconds, 'the IDE has a language server')

    def language_server_knobs(self, **knobs):
        """Of every language server that starts from now on; the file beside the binary is gone with the next reset()."""
        self.box.write(LS_KNOBS, json.dumps(knobs))

    def wait_language_server(self, seconds=40):
        """Until the daemon has found the IDE and its own language server answers."""
        try:
            poll(lambda: self.status_document().get('language_server', {}).get('state') == 'running',
                 seconds, 'the language server runs')
        except ContainerError as error:
            raise ContainerError(f'{error}\n{self.status()}') from error

    def stop_ide(self):
        self.box.run("systemctl stop fake-ide 2>/dev/null", check=False)

    def expire_ca(self):
        """Signs the daemon's certificate again with the same key, for a time that is over."""
        self.box.run(resigned_ca('20200101000000Z', '20210101000000Z'))

    def truth_of_language_server(self):
        """The ground truth without the calls that were made as another user, tagged so."""
        return json.loads(self.box.run(f"curl -fsS '{CONTROL}/truth/totals?not_tag=other-user'").out)

    def truth(self):
        return json.loads(self.box.run(f'curl -fsS {CONTROL}/truth/totals').out)

    def in_flight(self):
        return json.loads(self.box.run(f"curl -fsS '{CONTROL}/truth?wait=0s'").out)['in_flight']

    def truth_calls(self):
        return json.loads(self.box.run(f'curl -fsS {CONTROL}/truth').out)

    # What the product says

    def http(self, path, method='GET', body=None, check=True, timeout=60, user=None, headers=()):
        """Returns (status, document or text)."""
        command = ['curl', '-sS', '-X', method, '-w', '\n%{http_code}', *(f'-H{header}' for header in headers)]
        if body is not None:
            command += ['-H', 'Content-Type: application/json', '--data-binary', '@-']
        output = self.box.run(*command, f'http://127.0.0.1:8741{path}', check=check, timeout=timeout, user=user,
                              stdin=json.dumps(body) if body is not None else None)
        text, _, status = output.out.rpartition('\n')
        try:
            return int(status or 0), json.loads(text)
        except ValueError:
            return int(status or 0), text

    def usage_http(self):
        return self.http('/v1/usage?group_by=model')[1]

    def usage_bus(self):
        """The same document over D-Bus."""
        output = self.box.run('busctl', '--json=short', 'call', 'org.antigravityproxy.Daemon1',
                              '/org/antigravityproxy/Daemon1', 'org.antigravityproxy.Daemon1',
                              'Usage', 'a{ss}', '1', 'group_by', 'model')
        return json.loads(json.loads(output.out)['data'][0])

    def usage_command(self):
        return json.loads(self.box.run('antigravity-proxy', 'usage', '--json').out)

    def status(self):
        """`antigravity-proxy status`: the text for people, whatever its exit code."""
        return self.box.run('antigravity-proxy', 'status', check=False)

    def status_document(self):
        return json.loads(self.box.run('antigravity-proxy', 'status', '--json', check=False).out)

    def journal(self, unit='antigravity-*'):
        """What our units said since the case began, as `journalctl -u` shows it."""
        return self.box.run('journalctl', '--no-pager', '-o', 'cat', '-u', unit,
                            *([f'--after-cursor={self.cursor}'] if self.cursor else []), check=False).out

    def stopped_units(self):
        """The units whose stop has ended since the case began, in that order, as systemd says."""
        said = self.box.run('journalctl', '--no-pager', '-o', 'json', 'JOB_TYPE=stop', 'JOB_RESULT=done',
                            *([f'--after-cursor={self.cursor}'] if self.cursor else [])).out
        return [json.loads(line)['UNIT'] for line in said.splitlines()]

    def wait_usage(self, calls, seconds=15):
        """The usage once it counts so many calls: the ledger commits a moment after the last byte."""
        def there():
            usage = self.usage_http()
            return usage if usage['totals']['calls'] >= calls else None
        try:
            return poll(there, seconds, f'{calls} calls are counted')
        except ContainerError as error:
            raise ContainerError(f'{error}\n{json.dumps(self.usage_http())}\n{self.journal()[-4000:]}') from error

    # What is there

    def rules(self):
        """Our rules, whoever holds them. Those of iptables are of both families, with their packet counters."""
        text = self.box.run('iptables-save -c; ip6tables-save -c').out
        saved = [line for line in text.splitlines() if 'antigravity' in line.lower() or 'AGP' in line]
        table = self.box.run('nft', '-n', '-s', 'list', 'table', 'inet', 'antigravity_proxy', check=False).out
        # Behind a # it says which program holds the table, as far as that runs.
        return saved + [f'nft {line.partition("#")[0].strip()}' for line in table.splitlines() if line.strip(' \t}')]

    def helper_status(self):
        """What the helper says on the bus, key by key."""
        said = self.box.run('busctl', '--json=short', 'call', 'org.antigravityproxy.Helper1',
                            '/org/antigravityproxy/Helper1', 'org.antigravityproxy.Helper1', 'Status')
        return {key: value['data'] for key, value in json.loads(said.out)['data'][0].items()}

    def main_pid(self, unit):
        return int(self.box.run('systemctl', 'show', '-P', 'MainPID', unit).out.strip())

    def leftovers(self):
        """Everything of ours that a stopped service must not leave; empty when clean."""
        # The sockets stop along with the service, and the call that stopped it does not wait for them.
        poll(lambda: 'deactivating' not in self.box.run(
            "systemctl list-units --all --plain --no-legend 'antigravity*'", check=False).out, 10, 'our units are down')
        found = [f'rule: {line}' for line in self.rules()]
        units = self.box.run("systemctl list-units --all --plain --no-legend 'antigravity*'", check=False).out
        for line in units.splitlines():
            name, _, active = (line.split() + ['', '', ''])[:3]
            # A daemon that was killed and then stopped stays listed as failed: that is what the
            # administrator should see, and nothing of it runs.
            if active not in ('inactive', '') and (name, active) != (DAEMON, 'failed'):
                found.append(f'unit: {" ".join(line.split())}')
        for line in self.box.run('ps -eo user:32,pid,args --no-headers').out.splitlines():
            if line.startswith(('antigravity-proxy ', 'antigravity-ls ')) or '/libexec/antigravity' in line:
                found.append(f'process: {line}')
        for line in self.box.run('find /run -path "*antigravity*" -not -type d', check=False).out.splitlines():
            if not line.startswith(('/run/systemd/', '/run/dbus')):
                found.append(f'file: {line}')
        for line in self.box.run('ss -Hltn').out.splitlines():
            if line.split()[3].endswith((':8741', ':8742')):
                found.append(f'listener: {line}')
        return found
