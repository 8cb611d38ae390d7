"""What is measured without peers: readers and ledger (programs of tests/bench), and the first text of an answer."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import world

SCANNED = ('scan', 'usage', 'unlike', 'observer', 'gzip', 'memcpy', 'memchr')
RECORDS = 10_000_000
TURNS = 30
BYTES_PER_RECORD = 500  # of disk, with what its log takes while the file is made


def readers(command, machine):
    """@return the block of docs/performance.md: GB of SSE text a second, for each wire and size of event"""
    [program] = world.build_programs(['tests/bench/readers-bench'])
    found = json.loads(run([program, '--megabytes', '16', '--rounds', '9', '--json']))
    rows = {}
    for each in found:
        rows.setdefault((each['wire'], each['event_bytes']), {})[each['what']] = each['gb_per_s']
    lines = [f'`{command}`', '', machine, '', '| Wire | Octets an event | ' + ' | '.join(SCANNED) + ' |', '|---' * (len(SCANNED) + 2) + '|']
    for (wire, octets), rates in rows.items():
        cells = [f'{rates[what]:.3g}' if what in rates else '' for what in SCANNED]
        lines.append(f'| {wire} | {octets:,} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def ledger(command, machine, records):
    """@return the block of docs/performance.md: writing, questions and walks of a ledger of so many records"""
    ledger_bench, append_bench = world.build_programs(['tests/bench/ledger-bench', 'tests/bench/append-bench'])
    directory = Path(tempfile.mkdtemp(prefix='agp-ledger-bench-', dir='/var/tmp'))
    try:
        free = shutil.disk_usage(directory).free
        if free < records * BYTES_PER_RECORD:
            raise world.Unusable(f'{directory.parent} has {free / 1e9:.1f} GB free and {records:,} records take'
                                 f' {records * BYTES_PER_RECORD / 1e9:.1f}; take fewer: --ledger RECORDS')
        found = json.loads(run([ledger_bench, str(records), str(directory)], may_be_slow=True))
        appended = [run([append_bench, str(count), str(rate)], cwd=directory).strip() for count, rate in ((200_000, 0), (20_000, 2000))]
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    lines = [f'`{command}`', '', machine, '',
             f'{found["records"]:,} records, {found["file_bytes"] / found["records"]:.0f} octets each. Written in batches of 512 at the end of them:'
             f' {found["records_per_s"]:,.0f} a second; through the spool, the queue and the writer (`append-bench`), all of one conversation:', '',
             *(f'- {each}' for each in appended), '',
             '| Question | first s | median s | CPU s | groups |', '|---|---|---|---|---|']
    for each in found['questions']:
        lines.append(f'| {each["name"]} | {each["first_s"]:.3f} | {each["median_s"]:.3f} | {each["cpu_s"]:.3f} | {each["groups"]:,} |')
    lines += ['', '| Walk through records | records | a second | more memory at most, kB |', '|---|---|---|---|']
    for each in found['walks']:
        lines.append(f'| {each["name"]} | {each["records"]:,} | {each["records"] / each["seconds"]:,.0f} | {each["peak_kb"]:,} |')
    ageing = found['ageing']
    lines += ['', f'Ageing: {ageing["records"] / ageing["seconds"]:,.0f} records a second; the writer waits {ageing["longest_step_s"] * 1000:.0f} ms'
              ' for a step at most.']
    if not found['is_fast_enough']:
        lines += ['', 'A question took longer than its limit: 1 s for a month by model, 2 s by day and model.']
    return '\n'.join(lines) + '\n'


def metrics(command, machine):
    """@return the block of docs/performance.md: a page of GET /metrics, and a call that is counted for it"""
    [program] = world.build_programs(['tests/bench/metrics-bench'])
    lines = [f'`{command}`', '', machine, '', '| Models and hosts named | page kB | median ms | most ms | a call that is counted µs |', '|---|---|---|---|---|']
    for names in (10, 1000):
        found = json.loads(run([program, str(names)]))
        lines.append(f'| {names:,} | {found["page_bytes"] / 1000:,.0f} | {found["page_ms_p50"]:.1f} | {found["page_ms_max"]:.1f} | {found["call_us"]:.2f} |')
    return '\n'.join(lines) + '\n'


def first_text(command, machine, turns):
    """@return the block of docs/performance.md: from the language server's having the first text of an answer to an HTTP client's"""
    world.install(['golang-go', 'iptables', 'iproute2', 'openssl', 'util-linux'])
    [daemon] = world.build_programs(['daemon/app/antigravity-proxyd'])
    with tempfile.TemporaryDirectory(prefix='agp-first-text-', dir='/var/tmp') as doubles:
        Path(doubles).chmod(0o755)
        world.run(world.ROOT / 'tests/fakes/build', doubles)
        found = json.loads(run(['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', sys.executable, '-B',
                                str(Path(__file__).with_name('first_text.py')), str(daemon), doubles, str(turns)]))
    lines = [f'`{command}`', '', machine, '', f'| The daemon watches by | least ms | median | 95 % | most, of {turns} turns |', '|---|---|---|---|---|']
    lines += [f'| {row["way"]} | {row["least"]:.2f} | {row["median"]:.2f} | {row["p95"]:.2f} | {row["most"]:.2f} |' for row in found]
    return '\n'.join(lines) + '\n'


def run(command, may_be_slow=False, cwd=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=cwd)
    if done.returncode != 0 and not (may_be_slow and done.returncode == 1 and done.stdout):
        raise world.Unusable(f'{Path(command[0]).name} failed with exit status {done.returncode}')
    return done.stdout
