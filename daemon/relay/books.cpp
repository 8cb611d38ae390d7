#include "daemon/relay/protocol_reader.h"
#include "daemon/usage/text.h"

#include <exception>
#include <utility>

namespace agp::relay {
namespace {

std::string without_port(std::string_view host) {
  if (host.starts_with('[')) {
    return usage::lower(host.substr(0, host.find(']') + 1));
  }
  return usage::lower(host.substr(0, host.find(':')));
}

}  // namespace

std::string Books::host_of(std::string_view host_field) const {
  return facts.host.empty() ? without_port(host_field) : facts.host;
}

usage::CallFacts Books::call_facts(std::string_view host_field, std::string_view target) const {
  usage::CallFacts call;
  call.host = host_of(host_field);
  call.path = usage::clip(usage::path_of(target), usage::kMaxPathBytes);
  call.protocol = facts.protocol;
  call.local_uid = facts.local_uid;
  call.owner_uid = facts.owner_uid;
  call.instance = facts.instance;
  return call;
}

usage::Call* Books::open(usage::Endpoint endpoint, usage::CallFacts call) {
  auto made = std::make_unique<usage::Call>(std::move(endpoint), std::move(call));
  usage::Call* const at = made.get();
  open_.emplace(at, std::move(made));
  return at;
}

void Books::close(usage::Call* call, const usage::Call::End& end) {
  usage::Call::End how = end;
  if (!how.closed_by && ended_first) {
    how.closed_by = closer(*ended_first);
  }
  records_.push_back(call->finish(how));
  open_.erase(call);
}

void Books::discard(usage::Call* call) {
  open_.erase(call);
}

void Books::abandon_all() {
  usage::Call::End end;
  end.at = now;
  for (auto& [at, call] : open_) {
    records_.push_back(call->abandon(end));
  }
  open_.clear();
}

std::optional<usage::Record> Books::next_record() {
  if (taken_ == records_.size()) {
    return std::nullopt;
  }
  usage::Record record = std::move(records_[taken_++]);
  if (taken_ == records_.size()) {
    records_ = {};
    taken_ = 0;
  }
  return record;
}

usage::ResponseFacts response_facts(std::uint16_t status, const FieldOf& field) {
  usage::ResponseFacts facts;
  facts.http_status = status;
  facts.content_type = std::string(field("content-type"));
  facts.content_encoding = std::string(field("content-encoding"));
  facts.service_tier = std::string(field("x-gemini-service-tier"));
  facts.trace_id = std::string(field("x-cloudaicompanion-trace-id"));
  facts.request_id = std::string(field("request-id"));
  if (facts.request_id.empty()) {
    facts.request_id = std::string(field("x-request-id"));
  }
  return facts;
}

}  // namespace agp::relay
