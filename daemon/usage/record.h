#pragma once

#include "daemon/usage/pace.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// The normalised usage record: one per model call. Shapes and mapping: wire-formats section 3.
namespace agp::usage {

/// Tokens; empty means not known, which is never zero.
using Count = std::optional<std::uint64_t>;

enum class Provider { google, anthropic, openai, azure };
enum class Api { code_assist, generativelanguage, vertex, messages, chat_completions, responses };
/// ok: terminal marker seen and no error; partial: ended without one; error: HTTP status of 400
/// or above, or an error inside the body.
enum class Outcome { ok, partial, error };
enum class Finish { stop, length, tool_use, content_filter, pause, other, error, cancelled };
/// final: terminal marker seen; provisional: only running numbers; none: usage is empty.
enum class UsageState { final, provisional, none };
enum class CascadeSource { exact, inferred, none };
enum class RequestKind { agent, checkpoint, tab, web_search, other };
enum class ModelSource { response, url, request };
/// Who ended an exchange that did not end in order.
enum class Closer { client, upstream };

using ModalityCounts = std::map<std::string, std::uint64_t>;

struct Usage {
  std::uint64_t input_total = 0;
  std::uint64_t input_uncached = 0;
  std::uint64_t cached_input = 0;
  std::uint64_t cache_write = 0;
  std::uint64_t tool_use_prompt = 0;
  std::uint64_t output_total = 0;
  Count reasoning;  // empty: inside output_total, the provider never said how much
  std::uint64_t total = 0;
  Count reported_total;
  std::optional<std::map<std::string, std::uint64_t>> cache_write_by_ttl;
  std::optional<ModalityCounts> input_by_modality;
  std::optional<ModalityCounts> output_by_modality;
  std::optional<ModalityCounts> cached_by_modality;

  friend bool operator==(const Usage&, const Usage&) = default;
};

struct CallError {
  std::string type;
  std::string code;

  friend bool operator==(const CallError&, const CallError&) = default;
};

/// What changes the price of a call besides its tokens.
struct Modifiers {
  std::optional<std::string> speed;          // "standard", "fast"
  std::optional<std::string> inference_geo;  // "us"

  friend bool operator==(const Modifiers&, const Modifiers&) = default;
};

/// Tokens that are billed with a call and stand outside its own numbers (Anthropic's iterations).
struct AdditionalUsage {
  std::string kind;  // "compaction", "advisor_message", "fallback_message"
  std::optional<std::string> model;
  Usage usage;

  friend bool operator==(const AdditionalUsage&, const AdditionalUsage&) = default;
};

/// At list prices, whatever a subscription really bills: an estimate.
struct Cost {
  std::uint64_t pico_usd = 0;  // 10^-12 USD
  std::string price_version;   // of the price table
  bool is_aliased = false;     // the price is that of a similar name

  friend bool operator==(const Cost&, const Cost&) = default;
};

/// What else a request says about whom it was made for. Cascades::resolve judges it and empties it:
/// it is never kept.
struct RequestHints {
  std::optional<std::string> conversation_id;  // "Conversation ID:" in the system prompt
  std::optional<std::string> brain_id;         // ".../brain/" there
  std::optional<std::string> session_id;       // one for each language server, not each cascade

  friend bool operator==(const RequestHints&, const RequestHints&) = default;
};

struct Record {
  std::string id;              // ULID; given once by the driver, empty before that
  std::uint64_t sequence = 0;  // order of commits, from 1; given by the ledger, 0 before that

  Micros started_at{};  // first byte of the request
  std::optional<Micros> first_byte_at;
  Micros ended_at{};

  std::string host;
  std::string path;                        // without the query
  std::string protocol;                    // "http/1.1", "h2"
  std::optional<std::uint32_t> local_uid;  // account of the process that made the call
  /// Person on whose behalf: of our language server's calls the user of the session that it was
  /// started for, else local_uid. Empty: not known, so no ordinary user may see the record.
  std::optional<std::uint32_t> owner_uid;
  std::string instance;  // LS id; empty when the call was not made by an LS of ours

  RequestKind request_kind = RequestKind::other;
  std::optional<std::string> cascade_id;
  CascadeSource cascade_source = CascadeSource::none;
  /// What the tie rests on: "request_id", "trajectory_id", "conversation_id", "brain_path",
  /// "only_running", "response_id" (nothing but the language server's word); empty without a tie.
  std::string cascade_evidence;
  bool cascade_confirmed = false;  // the language server named this response id afterwards
  std::optional<std::string> trajectory_id;
  std::optional<std::uint64_t> step_index;
  RequestHints hints;

  std::uint64_t bytes_in = 0;   // response octets on the wire (after TLS), head and body
  std::uint64_t bytes_out = 0;  // request octets

  Provider provider = Provider::google;
  Api api = Api::code_assist;
  std::optional<std::uint16_t> http_status;
  bool stream = false;
  std::optional<std::string> model;
  std::optional<ModelSource> model_source;
  std::optional<std::string> request_model;  // as the URL or the request named it, in that order
  std::optional<std::string> response_id;
  std::optional<std::string> request_id;
  std::optional<std::string> trace_id;
  Outcome outcome = Outcome::partial;
  std::optional<Finish> finish;
  std::optional<std::string> finish_raw;
  UsageState usage_state = UsageState::none;
  std::optional<Usage> usage;  // empty: unknown, shown as such, counted as unknown
  std::optional<std::string> service_tier;
  std::vector<std::string> tool_calls;
  std::optional<std::map<std::string, std::uint64_t>> server_tools;  // "web_search": 2
  Modifiers modifiers;
  std::optional<std::uint64_t> credits_consumed;
  std::vector<AdditionalUsage> additional_usage;
  /// The provider's own counters under their own names, as last sent; nested ones with a dot:
  /// "promptTokenCount", "prompt_tokens_details.cached_tokens". Empty without usage.
  std::map<std::string, std::uint64_t> reported;
  std::optional<Cost> cost;  // empty: no price is known
  std::optional<CallError> error;
  std::optional<Closer> closed_by;  // empty: it ended in order
  std::set<std::string> flags;
  /// Of a streamed answer that this process has read. For histograms: it is never kept.
  std::optional<Pace> pace = std::nullopt;

  friend bool operator==(const Record&, const Record&) = default;
};

/// Names as they stand in JSON and in the ledger.
[[nodiscard]] const char* name(Provider value);
[[nodiscard]] const char* name(Api value);
[[nodiscard]] const char* name(Outcome value);
[[nodiscard]] const char* name(Finish value);
[[nodiscard]] const char* name(UsageState value);
[[nodiscard]] const char* name(CascadeSource value);
[[nodiscard]] const char* name(RequestKind value);
[[nodiscard]] const char* name(ModelSource value);
[[nodiscard]] const char* name(Closer value);

}  // namespace agp::usage
