#include "cli/doctor/listener_table.h"

#include "cli/doctor/file_facts.h"
#include "helper/core/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace agp::cli::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::array kPorts{core::kApiPort, core::kInterceptPort};
constexpr std::string_view kListening = "0A";  // TCP_LISTEN, net/tcp_states.h

template <class T>
std::optional<T> number(std::string_view text, int base) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size() ? std::optional<T>(value)
                                                                  : std::nullopt;
}

// The kernel prints each 32-bit word of an address as the machine holds it.
std::optional<std::string> address_text(std::string_view hex) {
  std::array<std::uint32_t, 4> words{};
  if (hex.size() != 8 && hex.size() != 32) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < hex.size() / 8; ++i) {
    const auto word = number<std::uint32_t>(hex.substr(8 * i, 8), 16);
    if (!word) {
      return std::nullopt;
    }
    words[i] = *word;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = hex.size() == 8 ? AF_INET : AF_INET6;
  if (::inet_ntop(family, words.data(), text.data(), text.size()) == nullptr) {
    return std::nullopt;
  }
  return family == AF_INET ? std::string(text.data()) : "[" + std::string(text.data()) + "]";
}

std::optional<ListeningSocket> socket_of(const std::string& line,
                                         std::span<const std::uint16_t> ports) {
  // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
  std::istringstream in(line);
  std::array<std::string, 10> words;
  for (auto& word : words) {
    in >> word;
  }
  const auto& local = words[1];
  const auto colon = local.find(':');
  if (words[3] != kListening || colon == std::string::npos) {
    return std::nullopt;
  }
  const auto port = number<std::uint16_t>(std::string_view(local).substr(colon + 1), 16);
  const auto address = address_text(std::string_view(local).substr(0, colon));
  const auto uid = number<std::uint32_t>(words[7], 10);
  const auto inode = number<std::uint64_t>(words[9], 10);
  if (!port || !address || !uid || !inode ||
      std::find(ports.begin(), ports.end(), *port) == ports.end()) {
    return std::nullopt;
  }
  return ListeningSocket{{*address + ":" + std::to_string(*port), *port, *uid, {}}, *inode};
}

bool holds(const fs::path& process, const std::string& wanted) {
  std::error_code error;
  for (fs::directory_iterator it(process / "fd", error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    if (fs::read_symlink(it->path(), gone) == wanted) {
      return true;
    }
  }
  return false;
}

// "nginx (process 812)"; empty where this user may not look.
std::string program_of(std::uint64_t inode) {
  const auto wanted = "socket:[" + std::to_string(inode) + "]";
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const auto name = it->path().filename().string();
    if (number<int>(name, 10) && name != "1" && holds(it->path(), wanted)) {
      auto program = read_text((it->path() / "comm").string());
      if (program.ends_with('\n')) {
        program.pop_back();
      }
      return program + " (process " + name + ")";
    }
  }
  return {};
}

}  // namespace

std::vector<ListeningSocket> listening_sockets(std::string_view table,
                                               std::span<const std::uint16_t> ports) {
  std::vector<ListeningSocket> out;
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    if (auto socket = socket_of(line, ports)) {
      out.push_back(std::move(*socket));
    }
  }
  return out;
}

std::vector<Listener> read_listeners() {
  std::vector<Listener> out;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    for (auto& socket : listening_sockets(read_text(table), kPorts)) {
      socket.listener.program = program_of(socket.inode);
      out.push_back(std::move(socket.listener));
    }
  }
  return out;
}

}  // namespace agp::cli::doctor
