#!/usr/bin/python3
"""Writes JSON Schemas into a C++ source, so that the daemon serves them without files of its own.

usage: embed.py OUTPUT SCHEMA...
"""

import json
import sys
from pathlib import Path


def main(argv):
    lines = ['// Made by daemon/api/schemas/embed.py.', '#include "daemon/api/schemas.h"', '', 'namespace agp::api {', '',
             'const std::vector<Schema>& schemas() {', '  static const std::vector<Schema> all = {']
    for name in argv[2:]:
        path = Path(name)
        text = path.read_text(encoding='utf-8')
        json.loads(text)  # a schema that is no JSON fails the build
        lines.append(f'      {{"{path.stem}", R"schema({text})schema"}},')
    lines += ['  };', '  return all;', '}', '', '}  // namespace agp::api', '']
    Path(argv[1]).write_text('\n'.join(lines), encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
