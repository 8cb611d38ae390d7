#include "daemon/ls/session.h"

#include "daemon/ls/command_line.h"

#include <algorithm>
#include <charconv>

namespace agp::ls {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

/// `language_server` (2.x), `language_server_linux_x64` and `_arm` (1.x), and the `.real` of
/// set-ups that put a wrapper in the binary's place.
bool is_language_server_name(std::string_view name) {
  if (name.ends_with(".real")) {
    name.remove_suffix(5);
  }
  return name == "language_server" || name.starts_with("language_server_linux_");
}

std::uint16_t to_port(std::optional<std::string_view> text) {
  std::uint16_t port = 0;
  if (!text) {
    return 0;
  }
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), port);
  return ec == std::errc() && end == text->data() + text->size() ? port : std::uint16_t{0};
}

/// The basename is all there is to tell `agy` by; it opens no ports that we would use.
bool is_agy_name(std::string_view name) {
  return name == "agy";
}

bool is_in(std::string_view path, std::string_view part) {
  return to_lower(path).find(part) != std::string::npos;
}

/// Where in the arguments the language server's own command line begins. Not 0 when another
/// program runs it: `/bin/bash /opt/.../language_server_linux_x64 --csrf_token ...` is what a
/// script in the binary's place looks like, `graftcp /opt/....real --csrf_token ...` a tracer.
/// A program that merely reads the binary carries no token.
std::optional<std::size_t> find_program(const std::vector<std::string_view>& arguments) {
  constexpr std::size_t kMostWrapperArguments = 16;
  if (is_language_server_name(base_name(arguments[0])) || is_agy_name(base_name(arguments[0]))) {
    return 0;
  }
  for (std::size_t i = 1; i < std::min(arguments.size(), kMostWrapperArguments); ++i) {
    if (arguments[i].starts_with('/') && is_language_server_name(base_name(arguments[i]))) {
      const std::vector<std::string_view> rest(arguments.begin() + static_cast<std::ptrdiff_t>(i),
                                               arguments.end());
      return flag_value(rest, "csrf_token") ? std::optional(i) : std::nullopt;
    }
  }
  return std::nullopt;
}

bool is_remote_install(std::string_view path) {
  return is_in(path, "/.antigravity-ide-server/") || is_in(path, "/.antigravity-server/");
}

Kind kind_of(std::string_view path, const std::vector<std::string_view>& arguments) {
  if (is_agy_name(base_name(path)) || is_agy_name(base_name(arguments[0]))) {
    return Kind::agy;
  }
  const auto subclient = flag_value(arguments, "subclient_type");
  const bool is_alone = !subclient && flag_is_set(arguments, "standalone") &&
                        base_name(path).starts_with("language_server") &&
                        !base_name(path).starts_with("language_server_");
  if (subclient == "hub" || is_alone) {
    return Kind::hub;
  }
  return flag_value(arguments, "workspace_id").value_or("").empty() ? Kind::core : Kind::ide;
}

Era era_of(std::string_view path, Kind kind, const std::vector<std::string_view>& arguments) {
  const auto has = [&arguments](std::string_view name) {
    return flag_value(arguments, name).has_value();
  };
  const auto data = flag_value(arguments, "app_data_dir").value_or("");
  if (kind == Kind::agy || kind == Kind::hub || has("subclient_type") || has("http_server_port") ||
      data.starts_with("antigravity-ide") || is_in(path, "/.antigravity-ide-server/") ||
      !base_name(path).starts_with("language_server_")) {
    return Era::e3;
  }
  if (has("extension_server_csrf_token") || has("https_server_port") ||
      flag_is_set(arguments, "persistent_mode")) {
    return Era::e2;
  }
  return has("csrf_token") ? Era::e1 : Era::unknown;
}

/// `.../.antigravity-ide-server/bin/<version>-<commit>/extensions/...` -> `<version>`.
std::string version_in(std::string_view path) {
  constexpr std::string_view kMark = "-server/bin/";
  const auto start = path.find(kMark);
  if (start == std::string_view::npos) {
    return {};
  }
  path.remove_prefix(start + kMark.size());
  path = path.substr(0, path.find('/'));
  const auto dash = path.rfind('-');
  return dash == std::string_view::npos ? std::string() : std::string(path.substr(0, dash));
}

std::string to_text(std::optional<std::string_view> value) {
  return value ? std::string(*value) : std::string();
}

/// FNV-1a; collisions only cost a restart that does not happen, nothing depends on secrecy.
class Hash {
 public:
  void add(std::string_view text) {
    for (const char c : text) {
      add_octet(static_cast<unsigned char>(c));
    }
    add_octet(0);
  }
  void add(std::uint64_t number) {
    for (int i = 0; i < 8; ++i) {
      add_octet(static_cast<unsigned char>(number >> (8 * i)));
    }
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  void add_octet(unsigned char octet) { value_ = (value_ ^ octet) * 1099511628211U; }
  std::uint64_t value_ = 14695981039346656037U;
};

}  // namespace

std::string Session::unusable_reason() const {
  if (kind == Kind::agy) {
    return "holds its language server inside itself and offers no login to share";
  }
  if (!wrapper.empty()) {
    return "is a wrapper, and the language server behind it does not run";
  }
  if (extension_server_port == 0) {
    return kind == Kind::hub ? "belongs to Antigravity without the editor and has no extension "
                               "server to sign in with"
                             : "has no extension server to sign in with";
  }
  if (csrf_token.empty()) {
    return "has no CSRF token on its command line";
  }
  const std::string port = std::to_string(extension_server_port);
  if (has_lost_extension_server && is_persistent) {
    return "outlived the IDE that started it, and nothing of this user listens on its extension "
           "server's port " +
           port + " any more: quit the IDE, end this process and start the IDE again";
  }
  if (has_lost_extension_server) {
    return "is out of reach: nothing of this user listens on its extension server's port " + port +
           " in this machine's own network, as when the editor's part runs in a container";
  }
  return {};
}

std::string Session::passable_workspace_id() const {
  constexpr std::size_t kMost = 256;
  const bool is_plain = std::all_of(workspace_id.begin(), workspace_id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  return is_plain && workspace_id.size() <= kMost ? workspace_id : std::string();
}

std::uint64_t Session::fingerprint() const {
  Hash hash;
  hash.add(static_cast<std::uint64_t>(pid));
  hash.add(static_cast<std::uint64_t>(uid));
  hash.add(start_time);
  hash.add(binary_path);
  hash.add(extension_server_port);
  hash.add(csrf_token.expose());
  hash.add(extension_csrf_token.expose());
  hash.add(workspace_id);
  hash.add(app_data_dir);
  return hash.value();
}

bool may_be_session(std::string_view cmdline) {
  return cmdline.find("language_server") != std::string_view::npos ||
         is_agy_name(base_name(cmdline.substr(0, cmdline.find('\0'))));
}

std::string name_of(const Session& session) {
  return (session.kind == Kind::agy ? "agy with pid " : "the language server with pid ") +
         std::to_string(session.pid);
}

std::optional<Session> recognise(const ProcessFacts& process) {
  auto arguments = split_arguments(process.cmdline);
  if (arguments.empty()) {
    return std::nullopt;  // a kernel thread or a zombie
  }
  std::string_view exe = process.exe;
  if (exe.ends_with(kDeleted)) {
    exe.remove_suffix(kDeleted.size());  // updated while running
  }
  const bool is_named_by_link =
      is_language_server_name(base_name(exe)) || is_agy_name(base_name(exe));
  const auto program = is_named_by_link ? std::optional<std::size_t>(0) : find_program(arguments);
  if (!program) {
    return std::nullopt;
  }
  const std::string wrapper(*program != 0 ? arguments[0] : std::string_view());
  arguments.erase(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(*program));
  // The link cannot be read of other users' processes: argv[0] stands in for it. The name in
  // /proc/<pid>/comm is cut to 15 characters and of no use.
  const std::string_view path = exe.empty() || !wrapper.empty() ? arguments[0] : exe;
  if (std::find(arguments.begin(), arguments.end(), "multicall") != arguments.end()) {
    return std::nullopt;  // a helper process of the hub, not a server
  }
  const std::string_view named = is_named_by_link ? exe : arguments[0];
  const Kind kind = kind_of(named, arguments);
  // Windsurf ships binaries of the same name.
  const auto app_data_dir = flag_value(arguments, "app_data_dir");
  if (kind != Kind::agy && !(app_data_dir && app_data_dir->starts_with("antigravity")) &&
      !is_in(path, "/antigravity/") && !is_in(arguments[0], "/antigravity/")) {
    return std::nullopt;
  }
  Session session;
  session.pid = process.pid;
  session.uid = process.uid;
  session.start_time = process.start_time;
  session.ancestors = process.ancestors;
  session.binary_path = path.starts_with('/') ? std::string(path) : std::string();
  session.kind = kind;
  session.is_remote = is_remote_install(named);
  session.wrapper = wrapper;
  if (kind == Kind::agy) {
    session.era = Era::e3;
    return session;  // its arguments are a user's words: none is kept
  }
  session.era = era_of(named, kind, arguments);
  session.version = to_text(flag_value(arguments, "override_ide_version"));
  if (session.version.empty()) {
    session.version = version_in(named);
  }
  session.extension_server_port = to_port(flag_value(arguments, "extension_server_port"));
  session.csrf_token = Secret<std::string>(to_text(flag_value(arguments, "csrf_token")));
  session.extension_csrf_token =
      Secret<std::string>(to_text(flag_value(arguments, "extension_server_csrf_token")));
  session.workspace_id = to_text(flag_value(arguments, "workspace_id"));
  session.app_data_dir = to_text(app_data_dir);
  session.gemini_dir = to_text(flag_value(arguments, "gemini_dir"));
  session.is_persistent = flag_is_set(arguments, "persistent_mode");
  session.cloud_code_endpoint = to_text(flag_value(arguments, "cloud_code_endpoint"));
  return session;
}

}  // namespace agp::ls
