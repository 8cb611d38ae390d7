#include "daemon/usage/call.h"

#include "daemon/coding/decoder.h"
#include "daemon/usage/anthropic_reader.h"
#include "daemon/usage/flags.h"
#include "daemon/usage/google_reader.h"
#include "daemon/usage/interactions_reader.h"
#include "daemon/usage/openai_chat_reader.h"
#include "daemon/usage/openai_responses_reader.h"
#include "daemon/usage/request_reader.h"
#include "daemon/usage/text.h"

#include <utility>

namespace agp::usage {
namespace {

class ToRequest final : public coding::Sink {
 public:
  explicit ToRequest(RequestReader* reader) : reader_(reader) {}
  void on_decoded(Bytes bytes) override { reader_->feed(bytes); }

 private:
  RequestReader* reader_;
};

class ToResponse final : public coding::Sink {
 public:
  explicit ToResponse(ResponseReader* reader) : reader_(reader) {}
  void on_decoded(Bytes bytes) override { reader_->feed(bytes); }

 private:
  ResponseReader* reader_;
};

}  // namespace

std::unique_ptr<ResponseReader> make_response_reader(Wire wire, const ResponseFacts& facts) {
  switch (wire) {
    case Wire::google:
      return std::make_unique<GoogleReader>(facts);
    case Wire::openai_responses:
      return std::make_unique<OpenAiResponsesReader>(facts);
    case Wire::interactions:
      return std::make_unique<InteractionsReader>(facts);
    case Wire::anthropic:
      return std::make_unique<AnthropicReader>(facts);
    case Wire::openai_chat:
    case Wire::openai_completions:
      return std::make_unique<OpenAiChatReader>(facts);
  }
  return nullptr;  // no such wire
}

struct Call::Request {
  explicit Request(std::string_view encoding) : decoder(encoding) {}
  RequestReader reader;
  coding::Decoder decoder;
};

struct Call::Response {
  Response(Wire wire, const ResponseFacts& facts)
      : reader(make_response_reader(wire, facts)), decoder(facts.content_encoding) {}
  std::unique_ptr<ResponseReader> reader;
  coding::Decoder decoder;
};

Call::Call(Endpoint endpoint, CallFacts facts)
    : endpoint_(std::move(endpoint)), request_encoding_(std::move(facts.request_encoding)) {
  record_.started_at = facts.started_at;
  record_.host = std::move(facts.host);
  record_.path = std::move(facts.path);
  record_.protocol = std::move(facts.protocol);
  record_.local_uid = facts.local_uid;
  record_.owner_uid = facts.owner_uid;
  record_.instance = std::move(facts.instance);
  if (!facts.request_model.empty()) {
    record_.model = model_name(facts.request_model);
    record_.model_source = ModelSource::request;
  }
  record_.provider = endpoint_.provider;
  record_.api = endpoint_.api;
  if (endpoint_.is_tab) {
    record_.request_kind = RequestKind::tab;
  }
}

Call::~Call() = default;

void Call::on_request_body(Bytes body) {
  if (request_ == nullptr) {
    request_ = std::make_unique<Request>(request_encoding_);
  }
  ToRequest sink(&request_->reader);
  request_->decoder.feed(body, &sink);
}

void Call::on_request_end() {
  if (request_ == nullptr) {
    return;
  }
  (void)request_->decoder.finish();  // keys that were cut off are simply not known
  take_request(&record_);
  request_.reset();
}

void Call::take_request(Record* record) const {
  const RequestReader& reader = request_->reader;
  apply(reader.keys(), record);
  record->request_id = reader.request_id();
  if (reader.model()) {
    record->model = reader.model();
    record->model_source = ModelSource::request;
  }
}

void Call::on_response_begin(Micros now) {
  record_.first_byte_at = now;
}

void Call::on_response_head(ResponseFacts facts) {
  record_.http_status = facts.http_status;
  response_ = std::make_unique<Response>(endpoint_.wire, facts);
  response_facts_ = std::move(facts);
}

void Call::on_response_body(Bytes body, Micros now) {
  if (response_ == nullptr || body.empty()) {
    return;
  }
  const auto before = response_->reader->chunks();
  ToResponse sink(response_->reader.get());
  response_->decoder.feed(body, &sink);
  note_chunks(response_->reader->chunks() - before, now);
}

// Chunks that one read brought came at the same time, as far as anybody here can say.
void Call::note_chunks(std::uint64_t count, Micros now) {
  if (count > 0 && !record_.pace) {
    record_.pace.emplace();
    record_.pace->first_chunk_at = record_.pace->last_chunk_at = now;
    --count;
  }
  for (; count > 0; --count) {
    record_.pace->add(now);
  }
}

bool Call::has_final_usage() const {
  return response_ != nullptr && response_->reader->has_ended() && response_->reader->has_usage();
}

bool Call::has_ended() const {
  return response_ != nullptr && response_->reader->has_ended();
}

Record Call::abandon(const End& end) {
  request_.reset();
  response_.reset();
  Record record = finish(end);
  if (response_facts_) {
    record.flags.insert(flag::kDecodeError);
  }
  return record;
}

Record Call::finish(const End& end) {
  on_request_end();
  Record record = record_;  // a copy: abandon() still has it should a reader break down here
  record.ended_at = end.at;
  record.bytes_in = end.bytes_in;
  record.bytes_out = end.bytes_out;
  if (const std::string name = model_name(endpoint_.url_model); !name.empty()) {
    record.model = name;
    record.model_source = ModelSource::url;
  }
  record.request_model = record.model;  // what the answer says comes later
  bool has_ended = false;
  bool is_final = false;
  if (response_ != nullptr) {
    if (response_facts_->service_tier.size() > 0) {
      record.service_tier = lower(clip_word(response_facts_->service_tier));
    }
    if (!response_facts_->trace_id.empty()) {
      record.trace_id = clip(response_facts_->trace_id, kMaxIdBytes);
    }
    if (!response_facts_->request_id.empty()) {
      record.request_id = clip(response_facts_->request_id, kMaxIdBytes);
    }
    const coding::Status status = response_->decoder.finish();
    response_->reader->finish();
    response_->reader->fill(&record);
    has_ended = response_->reader->has_ended();
    is_final = response_->reader->has_final_counts();
    switch (status) {
      case coding::Status::good:
        break;
      case coding::Status::truncated:
        record.flags.insert(flag::kTruncatedBody);
        break;
      case coding::Status::unknown:
        // Nothing was read: the HTTP status is all there is to say.
        has_ended = end.body_complete;
        record.flags.insert(flag::kDecodeError);
        break;
      case coding::Status::broken:
      case coding::Status::too_large:
        record.flags.insert(flag::kDecodeError);
        break;
    }
  }
  if (!end.body_complete) {
    record.closed_by = end.closed_by;
    record.flags.insert(flag::kTruncatedBody);
  }
  if (!record.stream) {
    record.pace.reset();
  }
  const bool is_http_error = record.http_status.value_or(0) >= 400;
  if (is_http_error && !record.error) {
    record.error = CallError{"http_error", std::to_string(*record.http_status)};
  }
  if (is_http_error || record.error) {
    record.outcome = Outcome::error;
  } else {
    record.outcome = has_ended ? Outcome::ok : Outcome::partial;
  }
  if (record.usage) {
    record.usage_state = is_final ? UsageState::final : UsageState::provisional;
  } else if (record.outcome == Outcome::ok) {
    record.flags.insert(flag::kUsageMissing);
  }
  if (!record.model) {
    record.flags.insert(flag::kModelMissing);
  }
  return record;
}

}  // namespace agp::usage
