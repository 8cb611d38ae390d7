#include "daemon/ls/session.h"

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

std::vector<std::string_view> split_arguments(std::string_view cmdline) {
  std::vector<std::string_view> arguments;
  while (!cmdline.empty()) {
    const auto end = cmdline.find('\0');
    arguments.push_back(cmdline.substr(0, end));
    cmdline.remove_prefix(end == std::string_view::npos ? cmdline.size() : end + 1);
  }
  return arguments;
}

std::optional<std::string_view> flag_value(const std::vector<std::string_view>& arguments,
                                           std::string_view name) {
  std::optional<std::string_view> found;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (argument == "--" || argument == "-") {
      break;
    }
    if (!argument.starts_with('-')) {
      continue;  // the value of a flag that nobody asked for
    }
    argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
    if (!argument.starts_with(name)) {
      continue;
    }
    argument.remove_prefix(name.size());
    if (argument.starts_with('=')) {
      found = argument.substr(1);
    } else if (argument.empty() && i + 1 < arguments.size()) {
      found = arguments[++i];
    }
  }
  return found;
}

std::optional<Session> recognise(const ProcessFacts& process) {
  const auto arguments = split_arguments(process.cmdline);
  if (arguments.empty()) {
    return std::nullopt;  // a kernel thread or a zombie
  }
  std::string_view exe = process.exe;
  if (exe.ends_with(kDeleted)) {
    exe.remove_suffix(kDeleted.size());  // updated while running
  }
  // The link cannot be read of other users' processes: argv[0] stands in for it. The name in
  // /proc/<pid>/comm is cut to 15 characters and of no use.
  const std::string_view path = exe.empty() ? arguments[0] : exe;
  if (!is_language_server_name(base_name(path)) &&
      !is_language_server_name(base_name(arguments[0]))) {
    return std::nullopt;
  }
  if (std::find(arguments.begin(), arguments.end(), "multicall") != arguments.end()) {
    return std::nullopt;  // a helper process of the hub, not a server
  }
  // Windsurf ships binaries of the same name.
  const auto app_data_dir = flag_value(arguments, "app_data_dir");
  if (!(app_data_dir && app_data_dir->starts_with("antigravity")) &&
      to_lower(path).find("/antigravity/") == std::string::npos) {
    return std::nullopt;
  }
  Session session;
  session.pid = process.pid;
  session.uid = process.uid;
  session.start_time = process.start_time;
  session.binary_path = path.starts_with('/') ? std::string(path) : std::string();
  session.extension_server_port = to_port(flag_value(arguments, "extension_server_port"));
  session.csrf_token = Secret<std::string>(to_text(flag_value(arguments, "csrf_token")));
  session.extension_csrf_token =
      Secret<std::string>(to_text(flag_value(arguments, "extension_server_csrf_token")));
  session.workspace_id = to_text(flag_value(arguments, "workspace_id"));
  session.app_data_dir = to_text(app_data_dir);
  session.cloud_code_endpoint = to_text(flag_value(arguments, "cloud_code_endpoint"));
  return session;
}

Choice choose(const std::vector<Session>& sessions,
              std::optional<uid_t> allowed,
              const std::vector<uid_t>& excluded,
              std::optional<std::uint64_t> keep) {
  Choice choice;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    const Session& session = sessions[i];
    if (std::find(excluded.begin(), excluded.end(), session.uid) != excluded.end() ||
        (allowed && session.uid != *allowed)) {
      continue;
    }
    if (!session.is_usable()) {
      choice.hint = "the language server with pid " + std::to_string(session.pid) +
                    (session.extension_server_port == 0 ? " has no extension server to sign in with"
                                                        : " has no CSRF token on its command line");
      continue;
    }
    if (std::find(choice.users.begin(), choice.users.end(), session.uid) == choice.users.end()) {
      choice.users.push_back(session.uid);
    }
    const bool is_kept = keep && session.fingerprint() == *keep;
    const bool has_kept = choice.index && keep && sessions[*choice.index].fingerprint() == *keep;
    if (!choice.index || is_kept ||
        (!has_kept && session.start_time < sessions[*choice.index].start_time)) {
      choice.index = i;
    }
  }
  if (choice.users.size() > 1) {
    choice.index.reset();
  }
  if (!choice.users.empty()) {
    choice.hint.clear();
  }
  return choice;
}

}  // namespace agp::ls
