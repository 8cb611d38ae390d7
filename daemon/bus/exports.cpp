#include "daemon/bus/exports.h"

#include "common/bus/errors.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::daemon_bus {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMost = 8;              // at the same time, of the calls
constexpr std::chrono::minutes kPatience(1);  // for a reader to take anything at all

// The caller waits and owns what the pointers point to.
asio::awaitable<Result<std::optional<std::string>>> ask_piece(ledger::Ledger* ledger,
                                                              api::RecordExport* records) {
  co_return records->next(*ledger);
}

}  // namespace

asio::awaitable<Result<std::uint64_t>> Exports::write(api::Visibility who,
                                                      api::Parameters parameters,
                                                      UniqueFd into) {
  const auto now = ports_->now();
  auto question = api::parse_export_question(parameters, who, now);
  if (!question) {
    co_return question.error();
  }
  auto output = ExportOutput::take(executor_, std::move(into));
  if (!output) {
    co_return output.error();
  }
  if (outputs_.size() >= kMost) {
    co_return Error(bus::Errc::limits_exceeded, "too many exports at the same time");
  }
  api::RecordExport records(std::move(*question), now);
  outputs_.push_back(output->get());
  auto written = co_await write_all(&records, output->get());
  outputs_.remove(output->get());
  output->reset();  // the reader sees the end of the data before the answer
  if (!written) {
    co_return written.error();
  }
  co_return records.records();
}

asio::awaitable<Result<>> Exports::write_all(api::RecordExport* records, ExportOutput* output) {
  while (!is_ending_) {
    auto task = ask_piece(ports_->ledger, records);
    auto piece =
        co_await asio::co_spawn(ports_->pool->get_executor(), std::move(task), asio::use_awaitable);
    if (!piece) {
      co_return piece.error();
    }
    if (!*piece) {
      co_return Result<>();
    }
    auto octets = std::move(**piece);
    auto written = co_await ExportOutput::write(output, std::move(octets), kPatience);
    if (!written) {
      co_return written;
    }
  }
  co_return Error(asio::error::operation_aborted, "the service stops");
}

void Exports::end() {
  is_ending_ = true;
  for (auto* output : outputs_) {
    output->cancel();
  }
}

}  // namespace agp::daemon_bus
