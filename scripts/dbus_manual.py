#!/usr/bin/python3
"""Makes the reference part of antigravity-proxy-dbus(7) out of the D-Bus XML, which is its only source.

Each method, signal and property has a comment right above it that begins with its name, says what each of its arguments is ("@name"),
and, where polkit is asked, names the action. Without that there is no manual: the build fails and says what is missing.

usage: dbus_manual.py TEMPLATE XML... > MANUAL    the line @REFERENCE@ of the template is replaced
       dbus_manual.py --check XML...
"""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

KINDS = {'method': 'Methods', 'signal': 'Signals', 'property': 'Properties'}
EMITS = 'org.freedesktop.DBus.Property.EmitsChangedSignal'
# What the methods that change something need; the others answer whoever may see what they tell.
CHANGES = re.compile(r'^(Start|Stop|Restart|Reload|Rotate|Ensure|Remove|Launch|Capture.|Apply|Revert|Set)')


class Member:
    def __init__(self, kind, element, comment):
        self.kind, self.name = kind, element.get('name')
        self.arguments = [(arg.get('name'), arg.get('type'), arg.get('direction', 'out')) for arg in element.findall('arg')]
        self.type = element.get('type')
        self.annotations = {each.get('name'): each.get('value') for each in element.findall('annotation')}
        self.comment = comment

    def signature(self):
        if self.kind == 'property':
            return self.type
        shown = lambda way: ', '.join(f'{kind} {name}' for name, kind, direction in self.arguments if direction == way)
        return f'({shown("in")}) -> ({shown("out")})' if self.kind == 'method' else f'({shown("out")})'

    def faults(self):
        lines = self.comment.strip().splitlines()
        if not lines:
            yield 'has no comment'
            return
        if not lines[0].startswith(f'{self.name}: '):
            yield f'has a comment that does not begin with "{self.name}: "'
        refers = re.search(r'^\s*@.*\bas of \w+', self.comment, re.MULTILINE)
        for name, _, _ in self.arguments:
            if not re.search(rf'@{name}\b', self.comment) and not refers and len(self.arguments) > 1:
                yield f'does not say what @{name} is'
        if self.kind == 'method' and CHANGES.match(self.name) and 'polkit' not in self.comment:
            yield 'does not say what polkit is asked'
        if self.kind == 'property' and self.annotations.get(EMITS) not in ('true', 'const'):
            yield 'does not say whether changes are told'


def read(path):
    """(name of the interface, what stands above it, its members)"""
    builder = ElementTree.TreeBuilder(insert_comments=True)
    text = Path(path).read_text(encoding='utf-8')
    root = ElementTree.fromstring(text, ElementTree.XMLParser(target=builder))
    interface = root.find('interface')
    members, comment = [], ''
    for element in interface:
        if element.tag is ElementTree.Comment:
            comment = element.text
        else:
            members.append(Member(element.tag, element, comment))
            comment = ''
    head = re.search(r'<!--(.*?)-->\s*<node>', text, re.DOTALL)
    return interface.get('name'), head.group(1) if head else '', members


def faults(paths):
    for path in paths:
        interface, head, members = read(path)
        if 'Errors' not in head:
            yield f'{interface}: no errors are listed above it'
        for member in members:
            yield from (f'{interface}: {member.kind} {member.name} {fault}' for fault in member.faults())


def escaped(text):
    return text.replace('\\', '\\e').replace('-', '\\-').replace("'", '\\(aq')


def paragraph(comment, name=''):
    """Lines of a comment; one that begins with an argument, or with the word for errors or polkit, is a line of its own."""
    out = []
    for line in comment.strip().splitlines():
        line = line.strip().removeprefix(f'{name}: ')
        if re.match(r'(@\w|Errors\b|polkit:)', line) and out:
            out.append('.br')
        out.append(('\\&' if line.startswith('.') else '') + escaped(line))
    return out


def reference(paths):
    out = []
    for path in paths:
        interface, head, members = read(path)
        out += [f'.SH {escaped(interface)}', '.nf', *(escaped(line) for line in head.strip().splitlines()), '.fi']
        for kind, title in KINDS.items():
            chosen = [member for member in members if member.kind == kind]
            out += [f'.SS {title}'] if chosen else []
            for member in chosen:
                out += ['.TP', f'\\fB{member.name}\\fR {escaped(member.signature())}', *paragraph(member.comment, member.name)]
    return '\n'.join(out)


def main(arguments):
    is_check = arguments[:1] == ['--check']
    paths = arguments[1:]
    found = list(faults(paths))
    for fault in found:
        print(fault, file=sys.stderr)
    if found or not paths:
        return 1
    if is_check:
        print(f'{sum(len(read(path)[2]) for path in paths)} members, 0 faults')
        return 0
    print(Path(arguments[0]).read_text(encoding='utf-8').replace('@REFERENCE@', reference(paths)), end='')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
