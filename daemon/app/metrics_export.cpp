#include "daemon/app/metrics_export.h"

#include "common/log/log.h"
#include "daemon/api/utf8.h"
#include "daemon/app/secret_file.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <random>
#include <utility>

#include <limits.h>
#include <unistd.h>

namespace agp::app {
namespace {

namespace errc = boost::system::errc;
using namespace std::chrono_literals;

constexpr auto kSendLimit = 10s;
constexpr std::size_t kFieldsLimit = std::size_t{8} * 1024;
constexpr std::size_t kIdLength = 36;
constexpr std::string_view kReserved[] = {"connection",     "content-encoding",
                                          "content-length", "content-type",
                                          "host",           "transfer-encoding"};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool is_field_name(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

std::string_view trim(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\r");
  return from == std::string_view::npos
             ? std::string_view()
             : text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

Result<otlp::Fields> read_fields(const std::string& file) {
  const std::string key = "telemetry.otlp.headers_file";
  auto text = read_secret_file(key, file, kFieldsLimit);
  if (!text) {
    return text.error();
  }
  auto parsed = parse_fields(text->expose());
  if (!parsed) {
    return Error{parsed.error().code, key + " " + file + ": " + parsed.error().context};
  }
  return parsed;
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size()) == 0 ? std::string(name.data()) : std::string();
}

// Version 4 of RFC 9562: random, so that it says nothing about the machine.
std::string make_id() {
  std::random_device random;
  std::string id = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  for (auto& c : id) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto digit = random() % 16U;
    if (c == 'x') {
      c = kHex[digit];
    } else if (c == 'y') {
      c = kHex[8U + digit % 4U];
    }
  }
  return id;
}

}  // namespace

Result<otlp::Fields> parse_fields(std::string_view text) {
  otlp::Fields fields;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) {
      continue;
    }
    const auto colon = std::min(line.find(':'), line.size());
    const auto name = line.substr(0, colon);
    const auto value = trim(line.substr(std::min(colon + 1, line.size())));
    const bool is_plain =
        std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c < 0x7f; });
    if (!is_field_name(name) || value.empty() || !is_plain) {
      return Error{make_error_code(errc::invalid_argument), "expected lines of NAME: VALUE"};
    }
    if (std::find(std::begin(kReserved), std::end(kReserved), lower(name)) != std::end(kReserved)) {
      return Error{make_error_code(errc::invalid_argument),
                   "a field that belongs to the exchange itself cannot be set"};
    }
    fields.emplace_back(name, Secret<std::string>(std::string(value)));
  }
  return fields;
}

std::string instance_id(const std::string& directory) {
  const std::string file = directory + "/instance-id";
  std::string id;
  std::getline(std::ifstream(file), id);
  const bool is_one = id.size() == kIdLength && std::all_of(id.begin(), id.end(), [](char c) {
                        return c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                      });
  if (!is_one) {
    id = make_id();
    // Where it cannot be kept the next process is another instance, no more.
    std::ofstream(file, std::ios::trunc) << id << '\n';
  }
  return id;
}

MetricsExport::MetricsExport(const daemon_config::Config& config,
                             const std::string& state_dir,
                             Ports ports)
    : receiver_(config.telemetry.otlp.endpoint->origin()),
      queue_(state_dir + "/otlp", config.telemetry.otlp.queue_bytes) {
  if (const auto started = start(config, std::move(ports)); !started) {
    fault_ = started.error().text();
    log::err("metrics are not exported, going on", {{"ERROR", fault_}});
    return;
  }
  if (const auto opened = queue_.open(); !opened) {
    log::warning("metrics that cannot be sent are not kept, going on", {{"ERROR", opened.error()}});
  }
  source_.version = AGP_VERSION;
  source_.instance = instance_id(state_dir + "/otlp");
  if (config.telemetry.otlp.tells_host_name) {
    source_.host_name = host_name();
  }
  exporter_->start();
}

Result<> MetricsExport::start(const daemon_config::Config& config, Ports ports) {
  const auto& otlp = config.telemetry.otlp;
  otlp::Fields fields;
  if (otlp.headers_file) {
    auto read = read_fields(*otlp.headers_file);
    if (!read) {
      return read.error();
    }
    fields = std::move(*read);
  }
  auto sender = otlp::Sender::make(*otlp.endpoint, std::move(fields),
                                   config.upstream.extra_ca_file.value_or(""));
  if (!sender) {
    return sender.error();
  }
  sender_.emplace(std::move(*sender));
  otlp::Exporter::Ports exporting;
  exporting.gather = [this, gather = std::move(ports.gather),
                      ledger_began = std::move(ports.ledger_began), started_at = ports.started_at] {
    const auto now =
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    otlp::Request request(source_, {started_at, ledger_began()}, now, api::utf8);
    gather(request);
    return request.finish();
  };
  exporting.post = [this](std::string body) {
    return sender_->post(std::move(body), kSendLimit);
  };
  exporting.random = [engine = std::make_shared<std::minstd_rand>(std::random_device{}())] {
    return std::uniform_real_distribution<double>(0, 1)(*engine);
  };
  exporter_.emplace(std::move(ports.executor), std::move(ports.blocking), std::move(exporting),
                    &queue_, otlp.interval);
  return {};
}

void MetricsExport::stop() {
  if (exporter_) {
    exporter_->stop();
  }
}

metrics::Exports MetricsExport::counts() const {
  return exporter_ ? exporter_->counts() : metrics::Exports{};
}

api::ExportStatus MetricsExport::status() const {
  if (!exporter_) {
    return {receiver_, {}, fault_, fault_, {}};
  }
  return {receiver_, exporter_->counts(), exporter_->last_error(), exporter_->problem(),
          exporter_->keep_problem()};
}

}  // namespace agp::app
