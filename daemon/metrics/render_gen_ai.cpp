#include "daemon/metrics/exposition.h"
#include "daemon/metrics/report.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>

namespace agp::metrics {
namespace {

using Distributions = CallTimes::Distributions;

constexpr std::size_t kMicroDigits = 6;
constexpr std::uint16_t kPort = 443;

// As Go writes them, which OpenMetrics calls canonical.
constexpr std::array<const char*, kPaceBuckets + 1> kPaceBounds = {
    "0.01", "0.02", "0.04",  "0.08",  "0.16",  "0.32",  "0.64", "1.28",
    "2.56", "5.12", "10.24", "20.48", "40.96", "81.92", "+Inf"};
constexpr std::array<const char*, kTokenBuckets + 1> kTokenBounds = {
    "1.0",          "4.0",          "16.0",          "64.0",          "256.0",
    "1024.0",       "4096.0",       "16384.0",       "65536.0",       "262144.0",
    "1.048576e+06", "4.194304e+06", "1.6777216e+07", "6.7108864e+07", "+Inf"};

template <std::size_t bounds>
void histogram(Sink& sink,
               const Histogram<bounds>& values,
               const std::array<const char*, bounds + 1>& texts,
               std::size_t sum_digits,
               const Labels& labels) {
  std::array<Sink::Bucket, bounds + 1> buckets{};
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    buckets[i] = {texts[i], values.buckets[i]};
  }
  sink.histogram(buckets,
                 sum_digits == 0 ? std::to_string(values.sum) : decimal(values.sum, sum_digits),
                 labels);
}

// What all families have in common.
template <class Place>
Labels labels_of(const Report& report, const Place& place) {
  const auto& host = place.host;
  Labels labels{{"gen_ai_operation_name", operation_name(place.provider)},
                {"gen_ai_provider_name", provider_name(place.provider, host)}};
  if (!place.request_model.empty()) {
    labels.emplace_back("gen_ai_request_model", place.request_model);
  }
  if (!place.model.empty()) {
    labels.emplace_back("gen_ai_response_model", place.model);
  }
  if (!host.empty() && host != kOther) {
    const auto port = report.ports.find(host);
    labels.emplace_back("server_address", host);
    labels.emplace_back("server_port",
                        std::to_string(port == report.ports.end() ? kPort : port->second));
  }
  return labels;
}

// A counter of tokens. What the ledger does not know the modality of is "unknown", so that the sum
// over modalities is the whole.
class TokenCounter {
 public:
  TokenCounter(Sink& sink, const char* name, std::uint64_t ledger::Sums::*whole)
      : sink_(sink), whole_(whole) {
    sink_.family(name);
  }

  /// @param part  of the whole, in one modality; null: nobody tells it.
  void samples(const Labels& labels,
               const Total& total,
               std::uint64_t ledger::ModalityTokens::*part) {
    auto unknown = total.sums.*whole_;
    if (part != nullptr) {
      for (const auto& [modality, tokens] : total.by_modality) {
        const auto value = std::min(tokens.*part, unknown);
        sample(labels, modality, value);
        unknown -= value;
      }
    }
    sample(labels, "unknown", unknown);
  }

 private:
  void sample(Labels labels, const std::string& modality, std::uint64_t value) {
    labels.emplace_back("gen_ai_token_modality", modality);
    sink_.sample(value, labels);
  }

  Sink& sink_;
  std::uint64_t ledger::Sums::*whole_;
};

void usage_counters(Sink& sink, const Report& report) {
  if (!report.totals) {
    return;
  }
  std::map<Labels, Total> by_labels;
  for (const auto& [origin, total] : *report.totals) {
    by_labels[labels_of(report, origin)].add(total);
  }
  using ledger::ModalityTokens;
  using ledger::Sums;
  const auto family = [&](const char* name, std::uint64_t Sums::*whole,
                          std::uint64_t ModalityTokens::*part) {
    TokenCounter counter(sink, name, whole);
    for (const auto& [labels, total] : by_labels) {
      counter.samples(labels, total, part);
    }
  };
  family("gen_ai_client_inference_usage_input_tokens_total", &Sums::input_total,
         &ModalityTokens::input);
  family("gen_ai_client_inference_usage_output_tokens_total", &Sums::output_total,
         &ModalityTokens::output);
  family("gen_ai_client_inference_usage_cache_read_input_tokens_total", &Sums::cached_input,
         &ModalityTokens::cached);
  family("gen_ai_client_inference_usage_cache_write_input_tokens_total", &Sums::cache_write,
         nullptr);
  family("gen_ai_client_inference_usage_reasoning_output_tokens_total", &Sums::reasoning, nullptr);
}

// Series by their labels: what differs only in words that are no label belongs together.
struct ByLabels {
  std::map<Labels, Distributions> calls;    // with error_type
  std::map<Labels, Distributions> streams;  // first_chunk and chunk_gap alone
  std::map<Labels, Distributions> tokens;   // of calls whose usage is known, without error_type
};

ByLabels by_labels(const Report& report) {
  ByLabels out;
  for (const auto& [series, values] : report.times.by_series) {
    auto labels = labels_of(report, series);
    auto& stream = out.streams[labels];
    stream.first_chunk.add(values.first_chunk);
    stream.chunk_gap.add(values.chunk_gap);
    auto& known = out.tokens[labels];
    known.input_tokens.add(values.input_tokens);
    known.output_tokens.add(values.output_tokens);
    known.input_tokens.buckets.front() -= values.usage_unknown;
    known.output_tokens.buckets.front() -= values.usage_unknown;
    if (!series.error_type.empty()) {
      labels.emplace_back("error_type", series.error_type);
    }
    auto& call = out.calls[std::move(labels)];
    call.duration.add(values.duration);
    call.input_tokens.add(values.input_tokens);
    call.output_tokens.add(values.output_tokens);
  }
  return out;
}

void durations(Sink& sink, const ByLabels& from, const char* name) {
  sink.family(name);
  for (const auto& [labels, values] : from.calls) {
    histogram(sink, values.duration, kPaceBounds, kMicroDigits, labels);
  }
}

void chunks(Sink& sink, const ByLabels& from, const char* first, const char* gaps) {
  const auto family = [&](const char* name, Histogram<kPaceBuckets> Distributions::*which) {
    sink.family(name);
    for (const auto& [labels, values] : from.streams) {
      if (!(values.*which).is_empty()) {
        histogram(sink, values.*which, kPaceBounds, kMicroDigits, labels);
      }
    }
  };
  family(first, &Distributions::first_chunk);
  family(gaps, &Distributions::chunk_gap);
}

void token_distributions(Sink& sink, const ByLabels& from) {
  const auto family = [&](const char* name, Histogram<kTokenBuckets> Distributions::*which) {
    sink.family(name);
    for (const auto& [labels, values] : from.calls) {
      histogram(sink, values.*which, kTokenBounds, 0, labels);
    }
  };
  family("gen_ai_client_inference_operation_input_tokens", &Distributions::input_tokens);
  family("gen_ai_client_inference_operation_output_tokens", &Distributions::output_tokens);
}

void token_usage(Sink& sink, const ByLabels& from) {
  sink.family("gen_ai_client_token_usage");
  for (const auto& [labels, values] : from.tokens) {
    for (const auto& [word, which] :
         {std::pair{"input", &values.input_tokens}, {"output", &values.output_tokens}}) {
      auto with_type = labels;
      with_type.emplace_back("gen_ai_token_type", word);
      histogram(sink, *which, kTokenBounds, 0, with_type);
    }
  }
}

}  // namespace

void render_gen_ai(Sink& sink, const Report& report) {
  const auto from = by_labels(report);
  if (report.semconv != Semconv::v1_41) {
    usage_counters(sink, report);
    durations(sink, from, "gen_ai_client_inference_duration_seconds");
    token_distributions(sink, from);
    chunks(sink, from, "gen_ai_client_inference_time_to_first_chunk_seconds",
           "gen_ai_client_inference_time_per_output_chunk_seconds");
  }
  if (report.semconv != Semconv::latest) {
    token_usage(sink, from);
    durations(sink, from, "gen_ai_client_operation_duration_seconds");
    chunks(sink, from, "gen_ai_client_operation_time_to_first_chunk_seconds",
           "gen_ai_client_operation_time_per_output_chunk_seconds");
  }
}

}  // namespace agp::metrics
