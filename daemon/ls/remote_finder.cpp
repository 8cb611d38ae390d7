#include "daemon/ls/remote_finder.h"

#include "common/base/account.h"
#include "common/base/unique_fd.h"
#include "daemon/control/errors.h"
#include "daemon/ls/finder_wire.h"
#include "daemon/ls/line_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>

namespace agp::ls {
namespace {

namespace errc = boost::system::errc;

Result<UniqueFd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return errno_error(ENAMETOOLONG, "connect");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  // Not blocking: with a full backlog nobody answers, and that is an error too.
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open() ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno_error("connect");
  }
  return fd;
}

/// The finder ended under the question. The service manager starts another one for the next.
bool is_worth_another_try(const Error& error) {
  return error.code == errc::connection_reset || error.code == errc::broken_pipe;
}

}  // namespace

Result<SessionFinder::Found> RemoteFinder::find(std::optional<std::uint64_t> keep) {
  const auto until = std::chrono::steady_clock::now() + options_.limit;
  const std::string question = encode_question({options_.user, keep});
  auto line = ask(question, until);
  if (!line && is_worth_another_try(line.error())) {
    line = ask(question, until);
  }
  if (!line) {
    return Error{control::Errc::scan_failed,
                 "antigravity-proxy-finder does not answer (" + line.error().text() + ")"};
  }
  const Secret<std::string> kept(std::move(*line));  // it has tokens
  auto found = decode_answer(kept.expose());
  if (found && found->session && !may_use(*found->session)) {
    return Error{control::Errc::scan_failed, "the finder chose a session that was not asked for"};
  }
  return found;
}

Result<std::string> RemoteFinder::ask(const std::string& question,
                                      std::chrono::steady_clock::time_point until) const {
  auto fd = connect_to(options_.socket);
  if (!fd) {
    return fd.error();
  }
  if (auto sent = send_line(fd->get(), question, until); !sent) {
    return sent.error();
  }
  return receive_line(fd->get(), kAnswerLimit, until);
}

bool RemoteFinder::may_use(const Session& session) const {
  return session.uid != find_uid(options_.own_ls_account) &&
         (options_.user == "auto" || session.uid == find_uid(options_.user));
}

}  // namespace agp::ls
