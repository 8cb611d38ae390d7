#include "daemon/finder/server.h"

#include "common/base/unique_fd.h"
#include "common/log/log.h"
#include "daemon/ls/finder_wire.h"
#include "daemon/ls/line_socket.h"

#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

namespace agp::finder {

Result<> Server::serve(int listener) {
  for (;;) {
    pollfd watched{listener, POLLIN, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(options_.idle.count()));
    if (ready == 0) {
      return {};
    }
    if (ready < 0 && errno != EINTR) {
      return errno_error("wait for a question");
    }
    const UniqueFd peer(ready > 0 ? ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC) : -1);
    if (peer.is_open()) {
      attend(peer.get());
    } else if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) {
      return errno_error("accept a question");
    }
  }
}

void Server::attend(int peer) {
  const auto line = ls::receive_line(peer, ls::kQuestionLimit,
                                     std::chrono::steady_clock::now() + options_.patience);
  if (!line) {
    log::warning("a question did not come, waiting for the next", {{"ERROR", line.error()}});
    return;
  }
  const auto question = ls::decode_question(*line);
  if (!question) {
    log::warning("a question was not understood", {{"ERROR", question.error()}});
    (void)ls::send_line(peer, ls::encode_answer(question.error()),
                        std::chrono::steady_clock::now() + options_.patience);  // as good as gone
    return;
  }
  if (!finder_ || user_ != question->user) {
    finder_ = options_.make(question->user);
    user_ = question->user;
  }
  const Secret<std::string> answer(ls::encode_answer(finder_->find(question->keep)));
  const auto sent =
      ls::send_line(peer, answer.expose(), std::chrono::steady_clock::now() + options_.patience);
  if (!sent) {
    log::notice("whoever asked did not wait for the answer", {{"ERROR", sent.error()}});
  }
}

}  // namespace agp::finder
