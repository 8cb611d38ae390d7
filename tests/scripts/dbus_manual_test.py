"""The manual of the bus must miss nothing that the XML leaves out, and hold what it says."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))
sys.dont_write_bytecode = True
import dbus_manual  # noqa: E402

XML = '''<!--
  Errors: none
-->
<node>
  <interface name="a.b.C1">
    <!--
      StartIt: starts it.
      @what: a name.
      @done: whether.
      polkit: a.b.start
    -->
    <method name="StartIt"><arg type="s" name="what" direction="in"/><arg type="b" name="done" direction="out"/></method>
    <!-- Gone: it ended. -->
    <signal name="Gone"><arg type="s" name="what"/></signal>
    <!-- State: a word - or 'two'. -->
    <property name="State" type="s" access="read">
      <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="true"/>
    </property>
  </interface>
</node>
'''


class DbusManual(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.path = Path(temporary.name) / 'it.xml'

    def faults(self, without='', instead=''):
        self.assertIn(without, XML)
        self.path.write_text(XML.replace(without, instead) if without else XML, encoding='utf-8')
        return list(dbus_manual.faults([self.path]))

    def test_what_is_whole_has_no_fault(self):
        self.assertEqual([], self.faults())

    def test_each_thing_that_is_missing_is_named(self):
        for without, instead, fault in (
                ('<!-- Gone: it ended. -->', '', 'signal Gone has no comment'),
                ('Gone: it ended.', 'It ended.', 'does not begin with "Gone: "'),
                ('      @done: whether.\n', '', 'does not say what @done is'),
                ('      polkit: a.b.start\n', '', 'does not say what polkit is asked'),
                ('EmitsChangedSignal', 'Other', 'does not say whether changes are told'),
                ('Errors: none', '', 'no errors are listed')):
            with self.subTest(fault=fault):
                found = self.faults(without, instead)
                self.assertEqual(1, len(found), found)
                self.assertIn(fault, found[0])

    def test_the_reference_has_each_member_with_its_types(self):
        self.faults()
        text = dbus_manual.reference([self.path])
        for part in ('.SH a.b.C1', '\\fBStartIt\\fR (s what) \\-> (b done)', '\nstarts it.\n.br\n@what: a name.', '\\fBGone\\fR (s what)',
                     '\\fBState\\fR s\na word \\- or \\(aqtwo\\(aq.'):
            self.assertIn(part, text)


if __name__ == '__main__':
    unittest.main()
