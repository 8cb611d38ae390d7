#include "daemon/otlp/request.h"

#include "daemon/metrics/catalogue.h"
#include "daemon/metrics/semconv.h"
#include "daemon/otlp/names.h"
#include "otlp_metrics.pb.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <chrono>
#include <iterator>

namespace agp::otlp {
namespace {

using metrics::Type;

// About the page of a scrape, or told otherwise here.
constexpr std::string_view kLeftOut[] = {"target_info", "otel_scope_info",
                                         "antigravity_scrape_sees_usage"};

std::uint64_t nanoseconds(usage::Micros at) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count());
}

double number(std::string_view text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  assert(read.ec == std::errc());
  (void)read;  // these texts are written by this process
  return value;
}

const char* schema_of(Names names) {
  switch (names) {
    case Names::own:
      return "";
    case Names::latest:
      return metrics::kLatestSchemaUrl;
    case Names::v1_41:
      return metrics::kV1_41SchemaUrl;
  }
  return "";
}

void put(wire::KeyValue* into, std::string_view key, std::string value) {
  into->set_key(std::string(key));
  into->mutable_value()->set_string_value(std::move(value));
}

}  // namespace

struct Request::Parts {
  wire::ExportMetricsServiceRequest request;
  std::array<wire::ScopeMetrics, 3> scopes;  // by Names
  Source source;
  std::uint64_t now = 0;
  std::uint64_t process_began = 0;
  std::uint64_t ledger_began = 0;
  metrics::CleanText clean = nullptr;

  const metrics::Family* family = nullptr;  // null: one that is left out
  wire::Metric* metric = nullptr;           // null: the family has no sample so far

  // A family without samples is no metric.
  wire::Metric& current() {
    if (metric == nullptr) {
      const auto known = metric_name(family->name, family->unit);
      metric = scopes[static_cast<std::size_t>(known.names)].add_metrics();
      metric->set_name(std::string(known.name));
      metric->set_unit(std::string(known.unit));
      metric->set_description(family->help);
    }
    return *metric;
  }

  template <class Point>
  void place(Point* point, const metrics::Labels& labels) {
    for (const auto& [label, text] : labels) {
      auto* const attribute = point->add_attributes();
      const auto name = attribute_name(label);
      if (name == "server.port") {
        attribute->set_key(std::string(name));
        attribute->mutable_value()->set_int_value(static_cast<std::int64_t>(number(text)));
      } else {
        put(attribute, name, clean(text));
      }
    }
    if (family->type == Type::counter || family->type == Type::histogram) {
      point->set_start_time_unix_nano(std::string_view(family->source) == "ledger" ? ledger_began
                                                                                   : process_began);
    }
    point->set_time_unix_nano(now);
  }

  wire::NumberDataPoint* add_number(const metrics::Labels& labels) {
    auto& to = current();
    wire::NumberDataPoint* point = nullptr;
    if (family->type == Type::counter) {
      to.mutable_sum()->set_aggregation_temporality(wire::AGGREGATION_TEMPORALITY_CUMULATIVE);
      to.mutable_sum()->set_is_monotonic(true);
      point = to.mutable_sum()->add_data_points();
    } else {
      point = to.mutable_gauge()->add_data_points();
    }
    place(point, labels);
    return point;
  }
};

Request::Request(const Source& source,
                 const Beginnings& beginnings,
                 usage::Micros now,
                 metrics::CleanText clean)
    : parts_(std::make_unique<Parts>()) {
  parts_->source = source;
  parts_->now = nanoseconds(now);
  parts_->process_began = nanoseconds(beginnings.process);
  parts_->ledger_began = beginnings.ledger ? nanoseconds(*beginnings.ledger) : 0;
  parts_->clean = clean;
}

Request::~Request() = default;

void Request::family(std::string_view name) {
  const bool is_left_out =
      std::find(std::begin(kLeftOut), std::end(kLeftOut), name) != std::end(kLeftOut);
  parts_->family = is_left_out ? nullptr : metrics::find_family(name);
  assert(is_left_out || parts_->family != nullptr);
  parts_->metric = nullptr;
}

void Request::sample(std::uint64_t value, const metrics::Labels& labels) {
  if (parts_->family != nullptr) {
    parts_->add_number(labels)->set_as_int(static_cast<std::int64_t>(value));
  }
}

void Request::sample_text(std::string_view value, const metrics::Labels& labels) {
  if (parts_->family != nullptr) {
    parts_->add_number(labels)->set_as_double(number(value));
  }
}

void Request::histogram(std::span<const Bucket> buckets,
                        std::string_view sum,
                        const metrics::Labels& labels) {
  auto* const to = parts_->current().mutable_histogram();
  to->set_aggregation_temporality(wire::AGGREGATION_TEMPORALITY_CUMULATIVE);
  auto* const point = to->add_data_points();
  parts_->place(point, labels);
  std::uint64_t count = 0;
  for (const auto& bucket : buckets) {
    count += bucket.count;
    point->add_bucket_counts(bucket.count);
    if (&bucket != &buckets.back()) {
      point->add_explicit_bounds(number(bucket.bound));
    }
  }
  point->set_count(count);
  point->set_sum(number(sum));
}

std::string Request::finish() {
  auto* const all = parts_->request.add_resource_metrics();
  const auto& source = parts_->source;
  const auto attribute = [&](std::string_view key, const std::string& value) {
    put(all->mutable_resource()->add_attributes(), key, parts_->clean(value));
  };
  attribute("service.name", metrics::kScope);
  attribute("service.version", source.version);
  attribute("service.instance.id", source.instance);
  if (!source.host_name.empty()) {
    attribute("host.name", source.host_name);
  }
  for (const auto names : {Names::own, Names::latest, Names::v1_41}) {
    auto& scope = parts_->scopes[static_cast<std::size_t>(names)];
    if (scope.metrics_size() > 0) {
      scope.mutable_scope()->set_name(metrics::kScope);
      scope.mutable_scope()->set_version(source.version);
      scope.set_schema_url(schema_of(names));
      all->add_scope_metrics()->Swap(&scope);
    }
  }
  return parts_->request.SerializeAsString();
}

bool is_request(std::string_view octets) {
  wire::ExportMetricsServiceRequest request;
  return request.ParseFromArray(octets.data(), static_cast<int>(octets.size())) &&
         request.resource_metrics_size() > 0;
}

}  // namespace agp::otlp
