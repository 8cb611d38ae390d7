"""Who is measured: how each peer is set up to stand between client and upstream."""

import resource
import subprocess
import time
from pathlib import Path

import world

DIRECT, OURS = 'direct', 'antigravity-proxy'


class Peer:
    name = ''
    about = ''
    packages = ()
    share = 1.0  # of the work of a scenario, for peers that would take minutes
    ports = {}  # of the proxy, by what the upstream behind it speaks; a protocol that is missing cannot pass
    process = None
    start_seconds = None

    def __init__(self, number, scratch):
        self.uid, self.scratch = 20001 + number, scratch

    def prepare(self):
        """Installs and writes what it needs. Raises Unusable."""

    def command(self):
        return []

    def environment(self):
        return None

    def version(self):
        return ''

    def redirects(self):
        return [(self.uid, world.ADDRESSES[protocol], port) for protocol, port in self.ports.items()]

    def start(self):
        self.process = world.Process(self.name, self.scratch, world.PROXY_CORE, self.command(), self.environment())
        self.start_seconds = self.process.wait_until_listening('127.0.0.1', set(self.ports.values()))

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None

    def trust(self):
        """Certificates that a client of this peer needs besides the upstream's."""
        return ''


class Direct(Peer):
    name, about = DIRECT, 'no proxy: the ceiling of client and upstream'

    def start(self):
        pass


class Ours(Peer):
    name, about = OURS, 'mints, relays, reads usage'
    ports = {'h1': 8742, 'h2': 8742}
    api = world.API

    def __init__(self, number, scratch):
        super().__init__(number, scratch)
        self.daemon, self.config, self.state = (scratch / f'{self.name}{suffix}' for suffix in ('d', '.yaml', '-state'))

    def command(self):
        return [self.daemon, '--config', self.config, '--state-dir', self.state]

    def prepare(self):
        self.config.write_text(f'''
upstream:
  extra_ca_file: {self.scratch}/ca.pem
  allow_networks: [{", ".join(a + "/32" for a in world.ADDRESSES.values())}]
listen:
  intercept: ["127.0.0.1:{self.ports['h1']}"]
  api: ["{self.api}"]
limits:
  max_connections: 20000
workers: 1
''')
        faults = subprocess.run([*self.command(), '--check-config'], text=True, capture_output=True)
        if faults.returncode != 0:
            raise world.Unusable(faults.stderr.strip())

    def version(self):
        return world.run(self.daemon, '--version').split()[-1]

    def start(self):
        super().start()
        self.process.wait_until_listening('127.0.0.1', [int(self.api.split(':')[1])])
        # A first start listens before it has made its issuer.
        issuer = self.state / 'ca/ca.pem'
        deadline = time.monotonic() + 10
        while not issuer.exists():
            if time.monotonic() > deadline or self.process.child.poll() is not None:
                raise world.Unusable(f'{self.name} did not make its issuer: {self.process.log.read_text()[-300:].strip()}')
            time.sleep(0.01)

    def trust(self):
        return (self.state / 'ca/ca.pem').read_text()


class OtherBuild(Ours):
    name, about = 'other-build', 'another build of antigravity-proxyd'
    ports = {'h1': 8802, 'h2': 8802}
    api = '127.0.0.1:8803'


class Haproxy(Peer):
    name, about, packages = 'haproxy', 'tcp mode: TLS in, TLS out, no parsing', ('haproxy',)
    ports = {'h1': 8752, 'h2': 8753}

    def prepare(self):
        s, text = self.scratch, f'''
global
  nbthread 1
  maxconn {min(20000, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 2)}
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
  ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
'''
        for protocol, offered in (('h1', 'http/1.1'), ('h2', 'h2,http/1.1')):
            text += f'''
frontend in_{protocol}
  bind 127.0.0.1:{self.ports[protocol]} ssl crt {s}/both.pem alpn {offered} backlog 4096
  default_backend out_{protocol}
backend out_{protocol}
  server upstream {world.ADDRESSES[protocol]}:443 ssl verify required ca-file {s}/ca.pem sni ssl_fc_sni alpn {offered}
'''
        (s / 'haproxy.cfg').write_text(text)

    def command(self):
        return ['haproxy', '-f', self.scratch / 'haproxy.cfg']

    def version(self):
        return world.run('haproxy', '-v').split()[2]


class Nginx(Peer):
    def main(self):
        s = self.scratch
        return f'''
worker_processes 1; daemon off; user root; pid {s}/{self.name}.pid; error_log {s}/{self.name}-errors.log;
events {{ worker_connections 19900; }}
'''

    def command(self):
        return ['nginx', '-c', self.scratch / f'{self.name}.conf', '-p', self.scratch, '-e', self.scratch / f'{self.name}-errors.log']

    def version(self):
        return subprocess.run(['nginx', '-v'], text=True, capture_output=True).stderr.split('/')[-1].strip()

    def check(self, text):
        path = self.scratch / f'{self.name}.conf'
        path.write_text(self.main() + text)
        world.run('nginx', '-t', '-q', '-c', path, '-p', self.scratch)


class NginxStream(Nginx):
    name, about, packages = 'nginx-stream', 'stream: TLS in, TLS out, no parsing', ('nginx-light', 'libnginx-mod-stream')
    ports = {'h1': 8762}  # its upstream leg cannot offer an ALPN, and Go's HTTP/2 server wants one

    def main(self):
        return 'load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n' + super().main()

    def prepare(self):
        s = self.scratch
        self.check(f'''
stream {{
  server {{
    listen 127.0.0.1:{self.ports['h1']} ssl backlog=4096;
    ssl_certificate {s}/leaf.pem; ssl_certificate_key {s}/leaf.key; ssl_protocols TLSv1.3; ssl_alpn http/1.1;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    proxy_pass {world.ADDRESSES['h1']}:443; proxy_ssl on; proxy_ssl_protocols TLSv1.3;
    proxy_ssl_server_name on; proxy_ssl_name $ssl_server_name; proxy_ssl_verify on;
    proxy_ssl_trusted_certificate {s}/ca.pem; proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    proxy_timeout 1h;
  }}
}}
''')


class NginxHttp(Nginx):
    name, about, packages = 'nginx-http', 'HTTP proxy, no inspection, shared upstream pool', ('nginx-light',)
    ports = {'h1': 8772, 'h2': 8772}

    def prepare(self):
        s = self.scratch
        # It speaks HTTP/1.1 to any upstream, whatever its client speaks.
        self.check(f'''
http {{
  access_log off; client_body_temp_path {s}; proxy_temp_path {s}; fastcgi_temp_path {s}; uwsgi_temp_path {s}; scgi_temp_path {s};
  keepalive_timeout 1h; keepalive_requests 100000000; http2_max_concurrent_streams 1000;
  upstream pool {{ server {world.ADDRESSES['h1']}:443; keepalive 1024; keepalive_requests 100000000; keepalive_timeout 1h; }}
  server {{
    listen 127.0.0.1:{self.ports['h1']} ssl http2 backlog=4096;
    ssl_certificate {s}/leaf.pem; ssl_certificate_key {s}/leaf.key; ssl_protocols TLSv1.3; ssl_buffer_size 16k;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    location / {{
      proxy_pass https://pool; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_ssl_server_name on; proxy_ssl_name {world.HOST}; proxy_ssl_verify on; proxy_ssl_trusted_certificate {s}/ca.pem;
      proxy_ssl_protocols TLSv1.3; proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
      proxy_buffering off; proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k; proxy_read_timeout 1h;
    }}
  }}
}}
''')


class Sslsplit(Peer):
    name, about, packages = 'sslsplit', 'mints, no parsing', ('sslsplit',)
    ports = {'h1': 8782}  # it takes the ALPN out of the handshake: no HTTP/2

    def command(self):
        s = self.scratch
        return ['sslsplit', '-u', 'root', '-k', s / 'ca.key', '-c', s / 'ca.pem', '-K', s / 'leaf.key', '-l', '/dev/null',
                'ssl', '127.0.0.1', str(self.ports['h1']), 'netfilter']

    def version(self):
        done = subprocess.run(['sslsplit', '-V'], text=True, capture_output=True)
        return (done.stdout + done.stderr).split()[1]


class Mitmproxy(Peer):
    name, about, packages = 'mitmproxy', 'mints, streams, an add-on reads usage', ('mitmproxy',)
    ports = {'h1': 8792, 'h2': 8792}
    share = 1 / 16

    def prepare(self):
        folder = self.scratch / 'mitmproxy'
        folder.mkdir(exist_ok=True)
        (folder / 'mitmproxy-ca.pem').write_text((self.scratch / 'ca.key').read_text() + (self.scratch / 'ca.pem').read_text())

    def command(self):
        s = self.scratch
        return ['mitmdump', '-q', '--mode', 'transparent', '--listen-host', '127.0.0.1', '-p', str(self.ports['h1']),
                '--set', f'confdir={s}/mitmproxy', '--set', f'ssl_verify_upstream_trusted_ca={s}/ca.pem',
                '--set', 'flow_detail=0', '-s', Path(__file__).with_name('mitmproxy_usage.py')]

    def version(self):
        return world.run('mitmdump', '--version').split('\n')[0].split()[-1]


ALL = (Direct, Ours, Haproxy, NginxStream, NginxHttp, Sslsplit, Mitmproxy, OtherBuild)
NAMES = tuple(p.name for p in ALL if p is not OtherBuild)  # which has an option of its own
QUICK = tuple(p.name for p in ALL[:5])
