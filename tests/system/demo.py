"""The demonstration behind scripts/demo: the system test's world, told as a story."""

import argparse
import json
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from container import ContainerError, own_mount_namespace  # noqa: E402
from world import World, only_sums  # noqa: E402

MODELS = 'gemini-3-flash,gemini-3.1-pro-high'
COLUMNS = (('calls', 'calls'), ('input_total', 'input'), ('cached_input', 'cached'),
           ('output_total', 'output'), ('reasoning', 'reasoning'), ('total', 'total'))
REAL = '''\
The same on your own machine, for real:

  sudo apt install ./antigravity-proxy_*.deb        (from: sudo scripts/package-deb --suite {release})
  sudo systemctl start antigravity-proxy            (every boot: systemctl enable --now antigravity-proxy)
  antigravity-proxy status                          with the Antigravity IDE open and signed in
  curl -s http://localhost:8741/v1/responses -H 'Content-Type: application/json' \\
       -d '{{"model":"gemini-3-flash","input":"Say hello."}}'
  antigravity-proxy usage                           what that used, per model
'''


def heading(text):
    print(f'\n\033[1m{text}\033[0m', flush=True)


def shell(world, command, user=None, limit=14):
    """Shows a command as somebody would type it, and what it answers."""
    print(f'  \033[2m{"#" if user is None else "$"}\033[0m {command}', flush=True)
    output = world.box.run(command, user=user, check=False)
    lines = output.text.rstrip().splitlines()
    for line in lines[:limit]:
        print(f'    {line[:150]}')
    if len(lines) > limit:
        print(f'    ... {len(lines) - limit} more lines')
    return output


def table(title, document):
    print(f'\n  {title}')
    print('    ' + f'{"model":24}' + ''.join(f'{name:>11}' for _, name in COLUMNS))
    rows = list(sorted(document['groups'].items())) + [('all', document['totals'])]
    for model, sums in rows:
        print('    ' + f'{model:24}' + ''.join(f'{sums[key]!s:>11}' for key, _ in COLUMNS))


def story(world, release):
    heading('1. Install the package with apt')
    world.install()
    shell(world, 'dpkg-query -W antigravity-proxy; systemctl is-active antigravity-proxy')

    heading('2. An IDE is running (a stand-in), the service starts')
    world.configure(mode='managed')
    world.start_ide()
    world.start()
    world.wait_language_server()
    shell(world, 'systemctl start antigravity-proxy; antigravity-proxy status', limit=30)

    heading('3. One turn through the language server, over the local API')
    shell(world, "curl -s http://localhost:8741/v1/responses -H 'Content-Type: application/json' "
          "-d '{\"model\":\"gemini-3-flash\",\"input\":\"Say hello.\"}' | jq '{id, status, text: .output[-1].content[0].text, usage}'", user='dev')
    shell(world, "curl -sN http://localhost:8741/v1/chat/completions -H 'Content-Type: application/json' "
          "-d '{\"model\":\"gemini-3-flash\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"And again.\"}]}' | cut -c1-140",
          user='dev', limit=5)
    shell(world, 'antigravity-proxy sessions; antigravity-proxy quota', user='dev', limit=24)

    heading('4. Calls of two models: streamed and not, gzip and not, IPv4 and IPv6')
    for network in ('tcp4', 'tcp6'):
        for coding in ('--gzip', '--no-gzip'):
            for streaming in ('--stream', '--no-stream'):
                world.client('--network', network, coding, streaming, '--model', MODELS, '--count', '2')
    print('  16 calls made by a Go program as the account antigravity-ls')
    print('  and one by another user of the same machine, which is nobody\'s business:')
    report = world.client('--count', '1', '--tag', 'other-user', user='dev')
    print(f'    certificate that user saw: {report["calls"][0]["certificate"]["issuer_cn"]} (the upstream\'s own)')

    heading('5. What was measured, three ways, next to what the upstream really answered')
    truth = world.truth_of_language_server()
    measured = world.wait_usage(truth['totals']['calls'])
    shell(world, "curl -s 'http://localhost:8741/v1/usage?group_by=model' | jq .totals", limit=24)
    shell(world, 'busctl call org.antigravityproxy.Daemon1 /org/antigravityproxy/Daemon1 '
          'org.antigravityproxy.Daemon1 Usage a{ss} 1 group_by model', limit=4)
    shell(world, 'antigravity-proxy usage')
    truth = only_sums(truth)
    table('ground truth, published by the upstream', truth)
    answers = {'curl': only_sums(measured), 'busctl': only_sums(world.usage_bus()),
               'antigravity-proxy usage': only_sums(world.usage_command())}
    for name, answer in answers.items():
        table(f'measured, by {name}', answer)
    wrong = [name for name, answer in answers.items() if answer != truth]

    heading('6. Stop: nothing stays')
    world.stop()
    world.stop_ide()
    left = world.leftovers()
    print('  rules, units, processes, runtime files left: ' + (', '.join(left) if left else 'none'))

    heading('Result')
    if wrong or left:
        print(f'  NOT as it should be. Differs from the ground truth: {", ".join(wrong) or "nothing"}; '
              f'left behind: {len(left)}')
        return 1
    print('  Every number is the upstream\'s own, to the token.\n')
    print(REAL.format(release=release))
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--tree', required=True)
    parser.add_argument('--deb', required=True)
    parser.add_argument('--doubles', required=True)
    parser.add_argument('--release', required=True)
    parser.add_argument('--keep', action='store_true')
    options = parser.parse_args()
    own_mount_namespace()
    scratch = Path(os.environ.get('AGP_CACHE', '/var/cache/antigravity-proxy-dev')) / 'containers'
    world = World(options.tree, options.deb, options.doubles, scratch, 'agp-demo')
    try:
        heading(f'Booting a throw-away Debian ({options.release}) with systemd as PID 1')
        world.open()
        code = story(world, options.release)
        if options.keep:
            print(f'The container runs on. Enter: sudo nsenter --target {world.box.init} --all bash; '
                  'end: Ctrl-C')
            world.box.nspawn.wait()
        return code
    except KeyboardInterrupt:
        return 130
    except ContainerError as error:
        print(f'\nerror: {error}', file=sys.stderr)
        if world.box.init:
            print(world.journal()[-3000:], file=sys.stderr)
        return 1
    finally:
        world.close()


if __name__ == '__main__':
    sys.exit(main())
