"""How long the first text of an answer takes from the language server to an HTTP client of the daemon.

usage: first_text.py DAEMON DOUBLES TURNS, as root in network, mount and process namespaces of its own

The language server is the Go double of each era; it notes in its log when a step gets its first text. Its calls are redirected
to the daemon and upstream is the double too, so that the daemon does all it does in production meanwhile. The client is in this
process and asks POST /v1/responses with "stream": true. Both clocks are this machine's.
"""

import json
import os
import re
import socket
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tests/interop'))
import world as interop  # noqa: E402

WAYS = {
    'reactive updates (E1)': ('e1', {}),
    'agent state updates (E2)': ('e2', {}),
    'agent state updates (E3)': ('e3', {}),
    'polls, as where there is no stream (E2)': ('e2', {'agent_stream': 'off'}),
}
FIRST_TEXT = re.compile(r'[IWE]\d{4} \d\d:(\d\d):(\d\d\.\d+) .*First text of step')
HOUR = 3600
PATIENCE = 60


def connect():
    """To the API, as the user whose session it is: the kernel says whose socket it is."""
    os.seteuid(interop.DAEMON)
    try:
        return socket.create_connection(('127.0.0.1', 8741), PATIENCE)
    finally:
        os.seteuid(0)


def ask(text):
    """@return when, within its hour, the first text of the answer came."""
    body = json.dumps({'model': 'gemini-3-flash', 'input': text, 'stream': True}).encode()
    head = f'POST /v1/responses HTTP/1.1\r\nHost: localhost:8741\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n'
    with connect() as connection:
        connection.sendall(head.encode() + body)
        received, first = b'', None
        while True:
            part = connection.recv(65536)
            now = time.time() % HOUR
            if not part:
                break
            received += part
            if first is None and b'response.output_text.delta' in received:
                first = now
    if first is None or b'response.completed' not in received:
        raise AssertionError(f'no answer: {received[-2000:].decode(errors="replace")}')
    return first


def noted(world, turn):
    """@return when, within its hour, the language server had the first text of that turn."""
    lines = [match for match in map(FIRST_TEXT.search, world.log('ide').splitlines()) if match]
    if len(lines) != turn + 1:
        raise AssertionError(f'{len(lines)} first texts after {turn + 1} turns')
    return int(lines[-1][1]) * 60 + float(lines[-1][2])


def measure(world, era, knobs, turns):
    attach = world.start_ide(era, log_text='on', retry_ms='10', **knobs)
    world.restart_daemon(language_server=attach)
    try:
        interop.poll(lambda: interop.get(f'{interop.API}/v1/models')['data'], PATIENCE, 'the language server is signed in')
        delays = []
        for turn in range(turns + 1):
            came = ask(f'bird {turn} [[fake:slow;pace=40ms]]')
            delay = (came - noted(world, turn)) % HOUR
            if turn > 0:  # the first one finds out which way works
                delays.append(delay * 1000)
        return sorted(delays)
    finally:
        world.end('ide')


def main():
    daemon, doubles, turns = sys.argv[1], sys.argv[2], int(sys.argv[3])
    world = interop.World(daemon, doubles)
    found = []
    try:
        world.open()
        for name, (era, knobs) in WAYS.items():
            delays = measure(world, era, knobs, turns)
            found.append({'way': name, 'least': delays[0], 'median': statistics.median(delays),
                          'p95': delays[(len(delays) - 1) * 95 // 100], 'most': delays[-1]})
    finally:
        world.close()
    print(json.dumps(found))


if __name__ == '__main__':
    main()
