#include "daemon/ls/finder_wire.h"

#include "daemon/control/errors.h"
#include "daemon/ls/json_path.h"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agp::ls {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kMostText = 64 * 1024;  // of one argument: ProcessScan reads no more
constexpr std::size_t kMostSessions = 256;
constexpr std::size_t kMostUsers = 256;
constexpr std::size_t kMostWrappers = 256;

Error no_answer(const char* why) {
  return Error{control::Errc::scan_failed, std::string("the answer of the finder ") + why};
}

// Arguments of other people's processes are octets, not UTF-8.
std::optional<json::object> parse_line(std::string_view line) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  options.max_depth = 8;
  boost::system::error_code ec;
  json::value value = json::parse({line.data(), line.size()}, ec, {}, options);
  if (ec || !value.is_object() || count_at(value.get_object(), "version") != kVersion) {
    return std::nullopt;
  }
  return std::move(value.get_object());
}

std::string to_line(const json::object& object) {
  return json::serialize(object) + "\n";
}

json::array to_array(const std::vector<pid_t>& pids) {
  json::array array;
  for (const pid_t pid : pids) {
    array.push_back(pid);
  }
  return array;
}

json::object to_json(const SessionInfo& info) {
  return {{"id", info.id},
          {"uid", info.uid},
          {"user", info.user},
          {"pid", info.pid},
          {"kind", to_string(info.kind)},
          {"era", to_string(info.era)},
          {"is_remote", info.is_remote},
          {"workspace_id", info.workspace_id},
          {"app_data_dir", info.app_data_dir},
          {"version", info.version},
          {"since", std::chrono::system_clock::to_time_t(info.since)},
          {"is_usable", info.is_usable},
          {"is_in_use", info.is_in_use},
          {"reason", info.reason},
          {"wrappers", to_array(info.wrappers)}};
}

json::object to_json(const Session& session) {
  return {{"pid", session.pid},
          {"uid", session.uid},
          {"start_time", session.start_time},
          {"binary_path", session.binary_path},
          {"extension_server_port", session.extension_server_port},
          {"csrf_token", session.csrf_token.expose()},
          {"extension_csrf_token", session.extension_csrf_token.expose()},
          {"workspace_id", session.workspace_id},
          {"app_data_dir", session.app_data_dir}};
}

/// Reads members, and remembers whether all of them were what they have to be.
class Members {
 public:
  explicit Members(const json::object& object) : object_(object) {}

  template <class T>
  T number(std::string_view key, std::uint64_t least = 0) {
    const auto* value = value_at(object_, key);
    const auto* found = value == nullptr ? nullptr : value->if_int64();
    const auto wide = value != nullptr && value->is_uint64() ? value->get_uint64()
                      : found != nullptr && *found >= 0      ? static_cast<std::uint64_t>(*found)
                                                             : kNone;
    const bool is_in_range = wide != kNone && wide >= least &&
                             wide <= static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    is_good_ = is_good_ && is_in_range;
    return is_in_range ? static_cast<T>(wide) : T();
  }
  std::string text(std::string_view key) {
    const auto* value = value_at(object_, key);
    return value == nullptr ? spoilt() : text_of(*value);
  }
  std::string text_of(const json::value& value) {
    const auto* found = value.if_string();
    // No argument of a process has a NUL.
    if (found == nullptr || found->size() > kMostText || found->find('\0') != json::string::npos) {
      return spoilt();
    }
    return std::string(*found);
  }
  bool flag(std::string_view key) {
    const auto* value = value_at(object_, key);
    is_good_ = is_good_ && value != nullptr && value->is_bool();
    return flag_at(object_, key);
  }
  const json::array& array(std::string_view key, std::size_t most) {
    static const json::array kNothing;
    const auto* found = array_at(object_, key);
    const bool is_fit = found != nullptr && found->size() <= most;
    is_good_ = is_good_ && is_fit;
    return is_fit ? *found : kNothing;
  }
  template <class T>
  T word(std::string_view key, std::initializer_list<T> all) {
    const std::string said = text(key);
    const auto* found =
        std::find_if(all.begin(), all.end(), [&said](T one) { return said == to_string(one); });
    is_good_ = is_good_ && found != all.end();
    return found == all.end() ? T() : *found;
  }
  void require(bool is_so) { is_good_ = is_good_ && is_so; }
  [[nodiscard]] bool is_good() const { return is_good_; }

 private:
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

  std::string spoilt() {
    is_good_ = false;
    return {};
  }

  const json::object& object_;
  bool is_good_ = true;
};

std::optional<SessionInfo> to_info(const json::value& value) {
  if (!value.is_object()) {
    return std::nullopt;
  }
  Members in(value.get_object());
  SessionInfo info;
  info.id = in.text("id");
  info.uid = in.number<uid_t>("uid");
  info.user = in.text("user");
  info.pid = in.number<pid_t>("pid", 1);
  info.kind = in.word("kind", {Kind::ide, Kind::core, Kind::hub, Kind::agy});
  info.era = in.word("era", {Era::unknown, Era::e1, Era::e2, Era::e3});
  info.is_remote = in.flag("is_remote");
  info.workspace_id = in.text("workspace_id");
  info.app_data_dir = in.text("app_data_dir");
  info.version = in.text("version");
  // 32 bits are enough for every clock, and none of them runs over when it is made finer.
  info.since = std::chrono::system_clock::from_time_t(in.number<std::uint32_t>("since"));
  info.is_usable = in.flag("is_usable");
  info.is_in_use = in.flag("is_in_use");
  info.reason = in.text("reason");
  for (const auto& pid : in.array("wrappers", kMostWrappers)) {
    in.require(pid.is_int64() && pid.get_int64() > 0 &&
               pid.get_int64() <= std::numeric_limits<pid_t>::max());
    info.wrappers.push_back(in.is_good() ? static_cast<pid_t>(pid.get_int64()) : 0);
  }
  for (const auto* shown : {&info.workspace_id, &info.app_data_dir, &info.version}) {
    in.require(shown->size() <= SessionList::kShownText);
  }
  return in.is_good() ? std::optional(std::move(info)) : std::nullopt;
}

std::optional<Session> to_session(const json::object& object) {
  Members in(object);
  Session session;
  session.pid = in.number<pid_t>("pid", 1);
  session.uid = in.number<uid_t>("uid");
  session.start_time = in.number<std::uint64_t>("start_time");
  session.binary_path = in.text("binary_path");
  session.extension_server_port = in.number<std::uint16_t>("extension_server_port", 1);
  session.csrf_token = Secret<std::string>(in.text("csrf_token"));
  session.extension_csrf_token = Secret<std::string>(in.text("extension_csrf_token"));
  session.workspace_id = in.text("workspace_id");
  session.app_data_dir = in.text("app_data_dir");
  in.require(session.binary_path.empty() || session.binary_path.starts_with('/'));
  in.require(session.is_usable());
  return in.is_good() ? std::optional(std::move(session)) : std::nullopt;
}

Error to_error(const json::object& object) {
  Members in(object);
  const std::string text = in.text("text");
  const bool is_user = in.text("code") == "user_unknown";
  return Error{is_user ? control::Errc::user_unknown : control::Errc::scan_failed,
               in.is_good() ? text : "the finder failed"};
}

}  // namespace

std::string encode_question(const FinderQuestion& question) {
  json::object object{{"version", kVersion}, {"user", question.user}, {"keep", nullptr}};
  if (question.keep) {
    object["keep"] = *question.keep;
  }
  return to_line(object);
}

Result<FinderQuestion> decode_question(std::string_view line) {
  const auto object = parse_line(line.substr(0, kQuestionLimit));
  if (!object) {
    return Error{control::Errc::scan_failed, "this is no question of this version"};
  }
  Members in(*object);
  FinderQuestion question;
  question.user = in.text("user");
  if (const auto* keep = value_at(*object, "keep"); keep != nullptr && !keep->is_null()) {
    boost::system::error_code ec;
    question.keep = keep->to_number<std::uint64_t>(ec);
    in.require(!ec);
  }
  if (!in.is_good() || question.user.empty()) {
    return Error{control::Errc::scan_failed, "this is no question of this version"};
  }
  return question;
}

std::string encode_answer(const Result<SessionFinder::Found>& answer) {
  json::object object{{"version", kVersion}};
  if (!answer) {
    const bool is_user = answer.error().code == control::Errc::user_unknown;
    object["error"] = json::object{{"code", is_user ? "user_unknown" : "scan_failed"},
                                   {"text", answer.error().context}};
    return to_line(object);
  }
  object["hint"] = answer->outcome.hint;
  json::array candidates;
  for (const std::string& name : answer->outcome.candidates) {
    candidates.push_back(json::value(name));
  }
  object["candidates"] = std::move(candidates);
  if (const auto& obstacle = answer->outcome.obstacle) {
    object["obstacle"] = json::object{{"message", obstacle->message}, {"remedy", obstacle->remedy}};
  }
  if (answer->session) {
    object["session"] = to_json(*answer->session);
  }
  json::array sessions;
  for (const auto& info : answer->all.sessions) {
    sessions.push_back(to_json(info));
  }
  object["sessions"] = std::move(sessions);
  return to_line(object);
}

Result<SessionFinder::Found> decode_answer(std::string_view line) {
  if (line.size() > kAnswerLimit) {
    return no_answer("is too large");
  }
  const auto object = parse_line(line);
  if (!object) {
    return no_answer("is no answer of this version");
  }
  if (const auto* error = object_at(*object, "error")) {
    return to_error(*error);
  }
  Members in(*object);
  SessionFinder::Found found;
  found.outcome.hint = in.text("hint");
  for (const auto& name : in.array("candidates", kMostUsers)) {
    found.outcome.candidates.push_back(in.text_of(name));
  }
  for (const auto& value : in.array("sessions", kMostSessions)) {
    auto info = to_info(value);
    in.require(info.has_value());
    found.all.sessions.push_back(std::move(info).value_or(SessionInfo()));
  }
  if (const auto* obstacle = object_at(*object, "obstacle")) {
    Members about(*obstacle);
    found.outcome.obstacle = control::Obstacle{about.text("message"), about.text("remedy")};
    in.require(about.is_good());
  }
  if (const auto* chosen = object_at(*object, "session")) {
    found.session = to_session(*chosen);
    in.require(found.session.has_value());
  }
  const auto* in_use = found.all.in_use();
  const bool is_one_story =
      found.session ? in_use != nullptr && in_use->uid == found.session->uid &&
                          in_use->pid == found.session->pid && found.outcome.candidates.size() == 1
                    : in_use == nullptr;
  if (!in.is_good() || !is_one_story) {
    return no_answer("cannot be");
  }
  if (found.session) {
    found.outcome.session =
        control::IdeSession{found.session->fingerprint(), in_use->user, found.session->binary_path};
  }
  return found;
}

}  // namespace agp::ls
