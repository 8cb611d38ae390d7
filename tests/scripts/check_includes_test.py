"""The include check must catch a planted violation of each kind and accept what is allowed."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))
sys.dont_write_bytecode = True
import check_includes  # noqa: E402


class CheckIncludes(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.root = Path(self.temporary.name)

    def faults(self, files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check_includes.check_tree(self.root)[1]

    def test_accepts_the_arrows_of_the_table(self):
        self.assertEqual([], self.faults({
            'daemon/relay/connection.cpp': '#include "daemon/tls/engine.h"\n#include <vector>\n',
            'daemon/sse/parser.h': '#include "common/base/bytes.h"\n',
            'daemon/main.cpp': '#include "daemon/io/driver.h"\n#include <boost/asio/io_context.hpp>\n',
            'daemon/tls/engine.cpp': '#include <openssl/ssl.h>\n',
            'daemon/io/dialer.h': '#include <boost/asio/ip/tcp.hpp>\n'}))

    def test_refuses_a_core_that_includes_a_driver(self):
        faults = self.faults({'daemon/tls/engine.h': '\n#include "daemon/io/driver.h"\n'})
        self.assertEqual(['daemon/tls/engine.h:2: daemon/tls may not include daemon/io/driver.h'],
                         faults)

    def test_refuses_an_arrow_between_daemon_and_helper(self):
        faults = self.faults({'daemon/main.cpp': '#include "helper/core/plan.h"\n',
                              'helper/os/run.cpp': '#include "daemon/tls/ca.h"\n'})
        self.assertEqual(['daemon/main.cpp:1: daemon/. may not include helper/core/plan.h',
                          'helper/os/run.cpp:1: helper/os may not include daemon/tls/ca.h'], faults)

    def test_refuses_a_relative_include_into_another_folder(self):
        faults = self.faults({'daemon/io/driver.h': '', 'daemon/sse/parser.h': '#include "../io/driver.h"\n'})
        self.assertEqual(['daemon/sse/parser.h:1: daemon/sse may not include daemon/io/driver.h'], faults)

    def test_refuses_asio_in_a_core(self):
        self.assertEqual(
            ['daemon/relay/connection.h:1: daemon/relay may not include <boost/asio/awaitable.hpp>'],
            self.faults({'daemon/relay/connection.h': '#include <boost/asio/awaitable.hpp>\n'}))

    def test_refuses_a_library_outside_its_folder(self):
        for header in ('openssl/ssl.h', 'sqlite3.h', 'yaml-cpp/yaml.h', 'zlib.h', 'sdbus-c++/sdbus-c++.h',
                       'google/protobuf/message_lite.h', 'boost/json.hpp', 'systemd/sd-bus.h'):
            with self.subTest(header=header):
                self.assertEqual([f'daemon/sse/x.cpp:1: daemon/sse may not include <{header}>'],
                                 self.faults({'daemon/sse/x.cpp': f'#include <{header}>\n'}))

    def test_refuses_a_folder_that_the_table_does_not_know(self):
        faults = self.faults({'daemon/surprise/x.h': ''})
        self.assertEqual(1, len(faults))
        self.assertIn('daemon/surprise is not in the table', faults[0])

    def test_an_empty_tree_is_a_failure_not_a_success(self):
        self.assertEqual(1, check_includes.main(['check_includes.py', str(self.root)]))


if __name__ == '__main__':
    unittest.main()
