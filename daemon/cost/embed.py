#!/usr/bin/python3
"""Writes a C++ source with files as texts.

usage: embed.py OUTPUT FUNCTION=FILE...
"""

import sys

PIECE = 8000  # octets of one literal; compilers have limits


def main(argv):
    lines = ['// Made by daemon/cost/embed.py.', '#include "daemon/cost/builtin.h"', '',
             'namespace agp::cost {']
    for argument in argv[2:]:
        function, path = argument.split('=', 1)
        with open(path, encoding='utf-8') as file:
            text = file.read()
        pieces = [text[i:i + PIECE] for i in range(0, len(text), PIECE)]
        literals = '\n'.join(f'R"~~({piece})~~"' for piece in pieces)
        lines += ['', f'std::string_view {function}() {{', f'  return {literals};', '}']
    lines += ['', '}  // namespace agp::cost', '']
    with open(argv[1], 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines))


if __name__ == '__main__':
    main(sys.argv)
