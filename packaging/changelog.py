"""CHANGELOG.md as the changelogs of the packages: what users read has one home."""

import re
import textwrap
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import format_datetime

PACKAGE = 'antigravity-proxy'
WIDTH = 78  # lintian reports lines above 80
HEADING = re.compile(r'## (\d+\.\d+\.\d+) \((unreleased|\d{4}-\d{2}-\d{2})\)')
SECTION = re.compile(r'\*\*(.+)\*\*')


class ChangelogError(Exception):
    pass


@dataclass
class Entry:
    version: str
    released: datetime | None  # nothing: not yet
    blocks: list = field(default_factory=list)  # [kind, text], kind is 'text', 'section' or 'item'


def parse(text):
    """The entries, newest first. What it does not understand is an error, never left out."""
    entries, goes_on = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if heading := HEADING.fullmatch(line):
            # The time of day is the one that rpm takes for a day.
            released = None if heading[2] == 'unreleased' else datetime.fromisoformat(f'{heading[2]}T12:00:00+00:00')
            entries.append(Entry(heading[1], released))
            goes_on = False
        elif not line or (number == 1 and line == '# Changelog'):
            goes_on = False
        elif not entries or line.startswith('#'):
            raise ChangelogError(f'CHANGELOG.md:{number}: neither "## VERSION (unreleased)" nor "## VERSION (YYYY-MM-DD)": {line}')
        elif section := SECTION.fullmatch(line):
            entries[-1].blocks.append(['section', section[1]])
        elif line.startswith('- '):
            entries[-1].blocks.append(['item', line[2:]])
            goes_on = True
        elif goes_on and line.startswith(' ') == (entries[-1].blocks[-1][0] == 'item'):
            entries[-1].blocks[-1][1] += f' {line.strip()}'
        elif not goes_on and not line.startswith((' ', '*', '-')):
            entries[-1].blocks.append(['text', line])
            goes_on = True
        else:
            raise ChangelogError(f'CHANGELOG.md:{number}: no text, section or item of a list: {line}')
    versions = [tuple(map(int, entry.version.split('.'))) for entry in entries]
    if not entries or versions != sorted(set(versions), reverse=True):
        raise ChangelogError('CHANGELOG.md: the entries are not there once each, newest first')
    if late := [entry.version for entry in entries[1:] if not entry.released]:
        raise ChangelogError(f'CHANGELOG.md: a later version than {late[0]} was released, and {late[0]} was not')
    return entries


def wrapped(text, first, following):
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=following, break_long_words=False, break_on_hyphens=False)


def debian(entries, maintainer, now):
    """debian/changelog. Source: deb-changelog(5)."""
    out = []
    for entry in entries:
        lines = [f'{PACKAGE} ({entry.version}) {"unstable" if entry.released else "UNRELEASED"}; urgency=medium']
        for kind, text in entry.blocks:
            if kind != 'item' or lines[-1].startswith(PACKAGE):
                lines.append('')
            lines.append(wrapped(text, '  * ', '    ') if kind == 'item' else wrapped(f'{text}:' if kind == 'section' else text, '  ', '  '))
        lines += ['', f' -- {maintainer}  {format_datetime(entry.released or now)}', '']
        out.append('\n'.join(lines))
    return '\n'.join(out)


def rpm(entries, maintainer, now):
    """What follows %changelog in a spec."""
    out = []
    for entry in entries:
        day = (entry.released or now).astimezone(timezone.utc).strftime('%a %b %d %Y')
        lines = [f'* {day} {maintainer} - {entry.version}-1']
        for kind, text in entry.blocks:
            text = text.replace('%', '%%')  # else a macro
            lines.append(wrapped(text, '- ', '  ') if kind == 'item' else wrapped(f'{text}:' if kind == 'section' else text, '', ''))
        out.append('\n'.join(lines) + '\n')
    return '\n'.join(out)
