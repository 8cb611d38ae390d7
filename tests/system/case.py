"""What the system cases have in common."""

import unittest

from world import only_sums


def only(*tests):
    """Of the cases that a class inherits, these alone."""
    def chosen(cls):
        for name in (name for name in dir(cls) if name.startswith('test_') and name not in vars(cls)):
            if name not in tests:
                setattr(cls, name, None)
        missing = [name for name in tests if not callable(getattr(cls, name, None))]
        assert not missing, f'{cls.__name__} inherits no {missing}'
        return cls
    return chosen


class Case(unittest.TestCase):
    """A case states its own beginning: package installed, service stopped, nothing counted."""

    world = None
    runs_last = False  # after all others of the container
    backend = ''  # who holds the rules, as in helper.yaml; '' leaves it as it is installed
    longMessage = True
    maxDiff = None

    def setUp(self):
        self.world.reset(self.backend)
        self.box = self.world.box

    def assertSays(self, text, *words):
        """Every word is in a message for people, whatever its case and line breaks."""
        flat = ' '.join(text.lower().split())
        for word in words:
            self.assertIn(word.lower(), flat)

    def assertCounted(self):
        """The product's totals are the upstream's, to the token."""
        truth = only_sums(self.world.truth())
        self.assertGreater(truth['totals']['calls'], 0, 'the upstream saw no call at all')
        usage = only_sums(self.world.wait_usage(truth['totals']['calls']))
        self.assertEqual(truth, usage)
        return truth

    def assertNothingLeft(self):
        self.assertEqual([], self.world.leftovers())
