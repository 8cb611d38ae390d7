"""What the system cases have in common."""

import unittest

from world import only_sums


class Case(unittest.TestCase):
    """A case states its own beginning: package installed, service stopped, nothing counted."""

    world = None
    longMessage = True
    maxDiff = None

    def setUp(self):
        self.world.reset()
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
