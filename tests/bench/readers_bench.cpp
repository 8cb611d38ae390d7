#include "daemon/relay/observer.h"
#include "daemon/usage/call.h"
#include "daemon/usage/response_reader.h"
#include "tests/bench/streams.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// How fast one core reads the usage of event streams: GB of plain text a second, median of several
/// rounds, and beside each figure what memcpy and memchr do with the same octets in the same reads.
/// What counts is the ratio of figures of one run.
///
/// usage: readers-bench [--megabytes N] [--rounds N] [--wire NAME] [--event N] [--only WHAT]
/// [--json]

namespace {

using namespace agp;

constexpr std::size_t kRead = 16 * 1024;  // one TLS record
/// Short enough for a processor's own cache: in the relay the octets are there, just decrypted.
constexpr std::size_t kStreamBytes = 512 * 1024;

struct Options {
  std::size_t megabytes = 8;
  std::size_t rounds = 7;
  std::string wire;
  std::string only;  // besides what all is compared with
  std::size_t event_bytes = 0;
  bool is_json = false;
};

/// One thing to do with a stream, and how long it took in each round.
struct Contest {
  const char* name;
  std::size_t plain_size;
  std::function<void()> run;
  std::vector<double> seconds;

  [[nodiscard]] double rate() {
    std::nth_element(seconds.begin(),
                     seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2),
                     seconds.end());
    return static_cast<double>(plain_size) / seconds[seconds.size() / 2] / 1e9;
  }
};

template <class Feed>
void in_reads(const std::string& wire, Feed feed) {
  const Bytes all = as_bytes(wire);
  for (std::size_t at = 0; at < all.size(); at += kRead) {
    feed(all.subspan(at, std::min(kRead, all.size() - at)));
  }
}

void check(bool is_right) {
  if (!is_right) {
    (void)std::fprintf(stderr, "the usage that was read is wrong: figures would mean nothing\n");
    std::exit(1);
  }
}

void read_sse(usage::Wire wire, const bench::Stream& stream) {
  usage::ResponseFacts facts;
  facts.http_status = 200;
  facts.content_type = "text/event-stream";
  const auto reader = usage::make_response_reader(wire, facts);
  in_reads(stream.plain, [&](Bytes piece) { reader->feed(piece); });
  reader->finish();
  usage::Record record;
  reader->fill(&record);
  check(record.usage && record.usage->output_total == stream.output_total && record.flags.empty());
}

/// Google's wire from the relay's point of view: heads, chunks, a call.
void read_observer(const bench::Stream& stream) {
  relay::ConnectionFacts facts;
  facts.host = "daily-cloudcode-pa.googleapis.com";
  facts.protocol = "http/1.1";
  relay::Observer observer(facts);
  const usage::Micros now{};
  observer.on_bytes(relay::Side::client,
                    as_bytes("POST /v1internal:streamGenerateContent?alt=sse HTTP/1.1\r\n"
                             "Content-Length: 2\r\n\r\n{}"),
                    now);
  observer.on_bytes(relay::Side::upstream,
                    as_bytes("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n"),
                    now);
  in_reads(stream.chunked,
           [&](Bytes piece) { observer.on_bytes(relay::Side::upstream, piece, now); });
  const auto record = observer.next_record();
  check(record && record->usage && record->usage->output_total == stream.output_total);
}

void read_gzip(const bench::Stream& stream) {
  usage::Call call(usage::Endpoint{}, usage::CallFacts{});
  usage::ResponseFacts facts;
  facts.http_status = 200;
  facts.content_encoding = "gzip";
  call.on_response_head(facts);
  in_reads(stream.gzip, [&](Bytes piece) { call.on_response_body(piece, {}); });
  usage::Call::End end;
  end.body_complete = true;
  const usage::Record record = call.finish(end);
  check(record.usage && record.usage->output_total == stream.output_total);
}

void copy(const bench::Stream& stream) {
  static std::vector<std::uint8_t> into(kRead);
  in_reads(stream.plain, [&](Bytes piece) {
    std::memcpy(into.data(), piece.data(), piece.size());
    // The copy is looked at, or it would not be made.
    check(into[piece.size() / 2] == piece[piece.size() / 2]);
  });
}

void search(const bench::Stream& stream) {
  in_reads(stream.plain,
           [&](Bytes piece) { check(std::memchr(piece.data(), 0, piece.size()) == nullptr); });
}

void run_all(std::vector<Contest>* contests, const Options& options) {
  const std::size_t times = std::max<std::size_t>(1, (options.megabytes << 20U) / kStreamBytes);
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (Contest& contest : *contests) {
      contest.run();  // warm
      // CPU time: other programs on the machine count less.
      const std::clock_t from = std::clock();
      for (std::size_t i = 0; i < times; ++i) {
        contest.run();
      }
      const std::clock_t spent = std::max<std::clock_t>(1, std::clock() - from);
      contest.seconds.push_back(static_cast<double>(spent) / CLOCKS_PER_SEC /
                                static_cast<double>(times));
    }
  }
}

void report(const Options& options,
            const bench::Wire& wire,
            std::size_t event_bytes,
            std::vector<Contest>* contests,
            bool* is_first) {
  double search_rate = 0;
  for (Contest& contest : *contests) {
    if (std::string_view(contest.name) == "memchr") {
      search_rate = contest.rate();
    }
  }
  for (Contest& contest : *contests) {
    const double rate = contest.rate();
    if (options.is_json) {
      std::printf(
          "%s\n{\"wire\":\"%s\",\"event_bytes\":%zu,\"what\":\"%s\",\"gb_per_s\":%.3f,"
          "\"of_memchr\":%.4f}",
          *is_first ? "" : ",", wire.name, event_bytes, contest.name, rate, rate / search_rate);
    } else {
      std::printf("%-18s %8zu  %-10s %8.3f %8.3f\n", wire.name, event_bytes, contest.name, rate,
                  rate / search_rate);
    }
    *is_first = false;
  }
}

void measure(const Options& options, const bench::Wire& wire, bool* is_first) {
  for (const std::size_t event_bytes : {64U, 400U, 4096U, 65536U}) {
    if (options.event_bytes != 0 && options.event_bytes != event_bytes) {
      continue;
    }
    using bench::Events;
    const bench::Stream scan = bench::make(wire, Events::without_usage, event_bytes, kStreamBytes);
    const bench::Stream all = bench::make(wire, Events::with_usage, event_bytes, kStreamBytes);
    const bench::Stream unlike = bench::make(wire, Events::unlike, event_bytes, kStreamBytes);
    std::vector<Contest> contests;
    const auto add = [&](const char* name, const bench::Stream& stream, std::function<void()> run) {
      if (!options.only.empty() && options.only != name && std::string_view(name) != "memchr") {
        return;
      }
      contests.push_back({name, stream.plain.size(), std::move(run), {}});
    };
    add("memcpy", scan, [&] { copy(scan); });
    add("memchr", scan, [&] { search(scan); });
    add("scan", scan, [&] { read_sse(wire.wire, scan); });
    add("usage", all, [&] { read_sse(wire.wire, all); });
    add("unlike", unlike, [&] { read_sse(wire.wire, unlike); });
    if (wire.wire == usage::Wire::google) {
      add("observer", all, [&] { read_observer(all); });
      add("gzip", all, [&] { read_gzip(all); });
    }
    run_all(&contests, options);
    report(options, wire, event_bytes, &contests, is_first);
  }
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const bool has_value = i + 1 < argc;
    if (arg == "--json") {
      options.is_json = true;
    } else if (arg == "--megabytes" && has_value) {
      options.megabytes = std::max(1UL, std::strtoul(argv[++i], nullptr, 10));
    } else if (arg == "--rounds" && has_value) {
      options.rounds = std::max(1UL, std::strtoul(argv[++i], nullptr, 10));
    } else if (arg == "--wire" && has_value) {
      options.wire = argv[++i];
    } else if (arg == "--only" && has_value) {
      options.only = argv[++i];
    } else if (arg == "--event" && has_value) {
      options.event_bytes = std::strtoul(argv[++i], nullptr, 10);
    } else {
      (void)std::fprintf(
          stderr,
          "usage: readers-bench [--megabytes N] [--rounds N] [--wire NAME] [--event N]"
          " [--only WHAT] [--json]\n");
      std::exit(64);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  if (options.is_json) {
    std::printf("[");
  } else {
    std::printf("%-18s %8s  %-10s %8s %8s\n", "wire", "event", "what", "GB/s", "x memchr");
  }
  bool is_first = true;
  for (const bench::Wire& wire : bench::wires()) {
    if ((options.wire.empty() || options.wire == wire.name) &&
        usage::make_response_reader(wire.wire, {}) != nullptr) {
      measure(options, wire, &is_first);
    }
  }
  if (options.is_json) {
    std::printf("\n]\n");
  }
  return 0;
}
