#!/usr/bin/python3
"""Fails on an #include that the architecture does not allow.

The table of house style section 2 lives here as data: which folder may include which, and which
third-party library belongs to which folder. A new arrow is a decision (docs/adr), not a quick fix.

usage: check_includes.py [ROOT]
"""

import re
import sys
from pathlib import Path

# Folder -> folders it may include besides itself. Folders not listed here may include nothing of
# ours, so that a new folder needs a line. The names are paths below the root.
BASE = 'common/base'
LOG = 'common/log'
READERS = ('daemon/http1', 'daemon/http2', 'daemon/websocket', 'daemon/sse', 'daemon/proto', 'daemon/coding')
# relay/observer.h is the port through which the relay hands copies to whoever reads usage.
ARROWS = {
    'common/base': (),
    'common/log': (BASE,),
    'common/config': (BASE,),
    'common/bus': (BASE, LOG),
    'daemon/tls': (BASE,),
    'daemon/http1': (BASE,),
    'daemon/http2': (BASE,),
    'daemon/websocket': (BASE,),
    'daemon/sse': (BASE,),
    'daemon/proto': (BASE,),
    'daemon/coding': (BASE,),
    'daemon/policy': (BASE,),
    # Prices of one's own are a part of the configuration: cost/override.h, plain values.
    'daemon/config': (BASE, LOG, 'common/config', 'daemon/policy', 'daemon/cost'),
    'daemon/usage': (BASE, *READERS),
    'daemon/cost': (BASE, 'daemon/usage'),
    # The rewriting relay of one connection's plaintext: HTTP in, HTTP out, no TLS and no socket.
    'daemon/rewrite': (BASE, *READERS, 'daemon/policy'),
    'daemon/relay': (BASE, 'daemon/tls', *READERS, 'daemon/usage', 'daemon/policy', 'daemon/rewrite'),
    'daemon/control': (BASE,),
    'daemon/ls': (BASE, LOG, *READERS, 'daemon/control'),
    # A process of its own around one part of daemon/ls.
    'daemon/finder': (BASE, LOG, 'daemon/ls'),
    # Samples of a quota and what follows from them: values and cores, kept by the ledger.
    'daemon/quota': (BASE, 'daemon/usage'),
    'daemon/ledger': (BASE, LOG, 'daemon/usage', 'daemon/quota'),
    'daemon/io': (BASE, LOG, 'daemon/relay', 'daemon/rewrite', 'daemon/tls', 'daemon/control', 'daemon/ledger',
                  'daemon/usage', 'daemon/policy'),
    'daemon/metrics': (BASE, 'daemon/usage', 'daemon/ledger'),
    # What is gathered for /metrics, sent to a receiver.
    'daemon/otlp': (BASE, LOG, 'daemon/usage', 'daemon/metrics'),
    'daemon/api': (BASE, LOG, 'daemon/usage', 'daemon/quota', 'daemon/ledger', 'daemon/metrics'),
    # The bus offers what HTTP offers: the same pure handlers answer both.
    'daemon/bus': (BASE, LOG, 'common/bus', 'daemon/control', 'daemon/usage', 'daemon/ledger',
                   'daemon/api'),
    'helper/core': (BASE,),
    'helper/os': (BASE, LOG, 'helper/core'),
    # os/input_descriptor.h checks the descriptor that came with a message.
    'helper/bus': (BASE, LOG, 'helper/core', 'helper/os', 'common/bus'),
}
# The composition roots: files directly in these folders wire everything of their process;
# daemon/app is the larger part of the daemon's.
ROOTS = {
    'daemon': ('common/', 'daemon/'),
    'helper': ('common/', 'helper/'),
    # What the command says about the files without a daemon is what the daemon would say.
    # A replay reads recorded exchanges by the code that reads live ones, and shows them as the API does.
    'cli': ('common/', 'daemon/config/', 'daemon/policy/', 'daemon/relay/observer.h', 'daemon/http1/reader.h',
            'daemon/usage/', 'daemon/cost/pricer.h', 'daemon/api/record_json.h', 'daemon/api/rfc3339.h',
            # A table of sums is quoted as an export is.
            'daemon/api/record_csv.h',
            # What it says about the IDE's extension without privilege is what the helper would say.
            'helper/config.h', 'helper/core/', 'helper/os/extension_store.h',
            # cleanup runs programs as the helper does: no shell, a known environment, a limit.
            'helper/os/command.h',
            # And it asks the kernel for the table of nf_tables as the helper does: no nft is needed.
            'helper/os/owner_table.h'),
}

# Third-party headers: pattern -> folders that may include them (a trailing / means all below).
# The first pattern that matches decides.
EVERYWHERE = ('',)
LIBRARIES = (
    # The ledger keeps an open set of counters of a record as one JSON column; request rules of the
    # rewriting relay check the JSON that they edit.
    (r'boost/json', ('daemon/policy', 'daemon/usage', 'daemon/cost', 'daemon/api', 'daemon/ls', 'daemon/bus', 'daemon/ledger',
                     'daemon/rewrite', 'cli')),
    (r'boost/(asio|beast)', ('common/bus', 'daemon/io', 'daemon/api', 'daemon/bus', 'daemon/ls', 'daemon/otlp',
                             'daemon/.', 'helper/bus', 'helper/.')),
    # Time zones of the queries.
    (r'absl/time/', ('daemon/api',)),
    (r'boost/system', EVERYWHERE),
    # The language server answers over TLS with a certificate of its own: connect_client pins it.
    # Keys of the API are kept and compared as their SHA-256.
    # doctor tries a handshake as the language server would, and reads the bundle.
    (r'openssl/', ('daemon/tls', 'daemon/ls', 'daemon/otlp', 'daemon/api', 'helper/core', 'cli')),
    # The rewriting relay ends HTTP/2 on both sides and needs the whole session, not only HPACK.
    (r'nghttp2/', ('daemon/http2', 'daemon/rewrite')),
    (r'google/protobuf', ('daemon/proto',)),
    (r'yaml-cpp/', ('common/config',)),
    (r'sqlite3\.h', ('daemon/ledger',)),
    # Inflating, and the checksum of spool entries.
    (r'isa-l/', ('daemon/coding', 'daemon/ledger')),
    (r'(zlib|brotli/.*|zstd)\.?h?', ('daemon/coding', 'daemon/websocket')),
    (r'sdbus-c\+\+', ('common/bus', 'daemon/bus', 'helper/bus', 'daemon/.', 'helper/.', 'cli')),
    (r'systemd/sd-', ('common/log', 'common/bus', 'helper/os', 'helper/bus', 'daemon/io',
                      'daemon/bus', 'daemon/finder', 'daemon/.', 'helper/.', 'cli')),
)

# Single includes that the table above forbids and that are wanted, with the reason.
EXCEPTIONS = {
    # What is left of a quota, as plain values: the API shows what was read, member for member.
    ('daemon/api', 'daemon/ls/quota.h'),
    # The sessions of a machine, in the same way; no member is a secret.
    ('daemon/api', 'daemon/ls/session_list.h'),
    # The observer port is what a reader of usage implements; it is two declarations without state.
    ('daemon/usage', 'daemon/relay/observer.h'),
    # Host patterns, networks and sizes: plain values without a trace of YAML.
    ('daemon/tls', 'common/config/values.h'),
    ('daemon/policy', 'common/config/values.h'),
    ('daemon/io', 'common/config/values.h'),
    ('daemon/otlp', 'common/config/values.h'),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
OURS = ('common/', 'daemon/', 'helper/', 'cli/')


def folder_of(path):
    """The folder a file counts to: two levels, or `daemon/.` for a file directly in a root."""
    parts = Path(path).parts
    if parts[0] == 'cli':
        return 'cli'
    if parts[:2] == ('daemon', 'app'):
        return 'daemon/.'
    if len(parts) == 2:
        return parts[0] + '/.'
    return '/'.join(parts[:2])


def allowed_ours(folder, target):
    if folder == 'cli':
        return target.startswith(('cli/', *ROOTS['cli']))
    if folder.endswith('/.'):
        return target.startswith(ROOTS.get(folder[:-2], ()))
    into = folder_of(target)
    return into == folder or into in ARROWS.get(folder, ()) or (folder, target) in EXCEPTIONS


def allowed_library(folder, header):
    for pattern, folders in LIBRARIES:
        if re.match(pattern, header):
            return folders is EVERYWHERE or folder in folders
    return True


def resolve(root, path, kind, header):
    """Turns an include into a path below the root, or None for a header that is not ours."""
    if header.startswith(OURS):
        return header
    if kind == '"' and (path.parent / header).exists():
        return (path.parent / header).resolve().relative_to(root.resolve()).as_posix()
    return None


def check_file(root, path):
    relative = path.relative_to(root).as_posix()
    folder = folder_of(relative)
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, header = match.groups()
        target = resolve(root, path, kind, header)
        if target is not None:
            if not allowed_ours(folder, target):
                yield f'{relative}:{number}: {folder} may not include {target}'
        elif not allowed_library(folder, header):
            yield f'{relative}:{number}: {folder} may not include <{header}>'


def check_tree(root):
    faults = []
    files = 0
    for top in ('common', 'daemon', 'helper', 'cli'):
        for path in sorted((root / top).rglob('*')):
            if path.suffix not in ('.h', '.cpp'):
                continue
            files += 1
            folder = folder_of(path.relative_to(root))
            if not folder.endswith('/.') and folder != 'cli' and folder not in ARROWS:
                faults.append(f'{path.relative_to(root)}: folder {folder} is not in the table of '
                              'scripts/check_includes.py')
                continue
            faults += check_file(root, path)
    return files, faults


def main(argv):
    root = Path(argv[1] if len(argv) > 1 else Path(__file__).resolve().parent.parent)
    files, faults = check_tree(root)
    for fault in faults:
        print(fault)
    if files == 0:
        print(f'{root}: no source files found, nothing was checked')
        return 1
    print(f'{files} files, {len(faults)} forbidden includes')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
