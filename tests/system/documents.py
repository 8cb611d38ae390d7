"""Reads the project's documents as a list of things to do, so that a test can follow them to the letter.

What is fenced as `sh` is run as a user types it. What is fenced as `yaml` and begins with the comment "# /PATH" is written there.
What is fenced as `text` is what the commands before it print: each line of it is in the output, whatever the numbers are and
however columns are spaced. What is fenced as `python` is given to Debian's. Comments of the form <!-- test: WORDS; WORDS --> tell the test what a reader knows without being told:
they hold for the section (`## `) when no command came before them there, else for the next block. A `picture` is nothing that
is printed, and what is to be done `elsewhere` is the checkout's: whatever makes the package that the test installs.
"""

import re
from dataclasses import dataclass, field


OF_A_BLOCK = ('elsewhere', 'endless', 'picture', 'soon')


@dataclass
class Block:
    kind: str  # sh, yaml, text, python
    text: str
    line: int
    hints: list = field(default_factory=list)

    @property
    def path(self):
        """Where a file goes; nothing for one that is an example."""
        match = re.match(r'# (/\S+?)(?:;.*)?\n', self.text) if self.kind == 'yaml' else None
        return match.group(1) if match else ''


@dataclass
class Section:
    title: str
    hints: list = field(default_factory=list)
    blocks: list = field(default_factory=list)


def sections(text):
    """The sections of a document that have something to do."""
    found, hints, block, after_blank = [Section('')], [], None, True
    for number, line in enumerate(text.splitlines(), 1):
        if block is not None:
            if line.startswith('```'):
                found[-1].blocks.append(block)
                block = None
            else:
                block.text += line + '\n'
        elif line.startswith('## '):
            found.append(Section(line[3:].strip()))
        elif match := re.fullmatch(r'<!-- test: (.*?) -->', line.strip()):
            told = [hint.strip() for hint in match.group(1).split(';')]
            of_section = [] if found[-1].blocks else [hint for hint in told if hint not in OF_A_BLOCK]
            found[-1].hints += of_section
            hints += [hint for hint in told if hint not in of_section]
        elif line.startswith('```'):
            kind = line[3:].strip()
            if kind not in ('sh', 'yaml', 'text', 'python'):
                raise ValueError(f'line {number}: a block is sh, yaml, text or python, so that it can be tested')
            block = Block(kind, '', number, hints)
            hints = []
        elif after_blank and re.match(r'    [^-|\d ]', line):  # a paragraph before it, and it goes on that one
            raise ValueError(f'line {number}: fence this block, so that it can be tested')
        after_blank = not line.strip()
    return [section for section in found if section.blocks]


def pattern(line):
    """What a printed line looks like when its numbers and its spacing are anything."""
    words = [re.sub(r'\d[\d.,]*', r'\\d[\\d.,]*', re.escape(word).replace(r'\-', '-').replace(r'\,', ',').replace(r'\.', '.'))
             for word in line.split()]
    return re.compile(r'\s+'.join(words))


def missing_lines(sample, printed):
    """Lines of the sample that nothing printed looks like."""
    return [line for line in sample.splitlines() if line.strip() and not pattern(line).search(printed)]
