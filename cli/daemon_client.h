#pragma once

#include "cli/exit_code.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <variant>

namespace agp::cli {

/// Why there is no answer, in the words shown to people.
struct Failure {
  Exit exit = Exit::failed;
  std::string code;     // stable word for programs
  std::string message;  // what happened
  std::string hint;     // what to do about it
};

template <class T>
using Answer = std::variant<T, Failure>;

enum class IdePatchChange;

/// The daemon, and the helper for ide-patch, as the command sees them.
class Daemon {
 public:
  Daemon() = default;
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  Daemon(Daemon&&) = delete;
  Daemon& operator=(Daemon&&) = delete;
  virtual ~Daemon() = default;

  /// All but export_records answer with a JSON document.
  [[nodiscard]] virtual Answer<std::string> status() = 0;
  [[nodiscard]] virtual Answer<std::string> usage(
      const std::map<std::string, std::string>& query) = 0;
  [[nodiscard]] virtual Answer<std::string> records(
      const std::map<std::string, std::string>& query) = 0;
  /// Writes an export to `into`, piece by piece.
  /// @return how many records it has; after a failure what was written is not whole.
  [[nodiscard]] virtual Answer<std::uint64_t> export_records(
      const std::map<std::string, std::string>& query, int into) = 0;
  [[nodiscard]] virtual Answer<std::string> quota() = 0;
  [[nodiscard]] virtual Answer<std::string> why(
      const std::map<std::string, std::string>& query) = 0;
  [[nodiscard]] virtual Answer<std::string> models() = 0;
  [[nodiscard]] virtual Answer<std::string> sessions() = 0;
  [[nodiscard]] virtual Answer<std::string> policy() = 0;
  [[nodiscard]] virtual Answer<std::string> check_policy(const std::string& host,
                                                         const std::string& method,
                                                         const std::string& path) = 0;
  [[nodiscard]] virtual Answer<std::string> reload_policy() = 0;
  [[nodiscard]] virtual Answer<std::string> ide_patch_status() = 0;
  [[nodiscard]] virtual Answer<std::string> change_ide_patch(IdePatchChange change) = 0;
  [[nodiscard]] virtual Answer<std::string> language_server() = 0;
  /// Answers once it is done, or known that it cannot be for now.
  [[nodiscard]] virtual Answer<std::string> start_language_server() = 0;
  [[nodiscard]] virtual Answer<std::string> stop_language_server() = 0;
  [[nodiscard]] virtual Answer<std::string> restart_language_server() = 0;
  [[nodiscard]] virtual Answer<std::string> capture() = 0;
  /// Answers once it is as asked, or known that it cannot be for now.
  [[nodiscard]] virtual Answer<std::string> start_capture() = 0;
  [[nodiscard]] virtual Answer<std::string> stop_capture() = 0;
  [[nodiscard]] virtual Answer<std::string> ca() = 0;
  [[nodiscard]] virtual Answer<std::string> rotate_ca() = 0;
};

/// Over the system bus, blocking.
class BusDaemon final : public Daemon {
 public:
  /// @param patience  with questions that nobody has to be asked about.
  explicit BusDaemon(std::chrono::milliseconds patience = std::chrono::seconds(20))
      : patience_(patience) {}
  [[nodiscard]] Answer<std::string> status() override;
  [[nodiscard]] Answer<std::string> usage(const std::map<std::string, std::string>& query) override;
  [[nodiscard]] Answer<std::string> records(
      const std::map<std::string, std::string>& query) override;
  [[nodiscard]] Answer<std::uint64_t> export_records(
      const std::map<std::string, std::string>& query, int into) override;
  [[nodiscard]] Answer<std::string> quota() override;
  [[nodiscard]] Answer<std::string> why(const std::map<std::string, std::string>& query) override;
  [[nodiscard]] Answer<std::string> models() override;
  [[nodiscard]] Answer<std::string> sessions() override;
  [[nodiscard]] Answer<std::string> policy() override;
  [[nodiscard]] Answer<std::string> check_policy(const std::string& host,
                                                 const std::string& method,
                                                 const std::string& path) override;
  [[nodiscard]] Answer<std::string> reload_policy() override;
  [[nodiscard]] Answer<std::string> ide_patch_status() override;
  [[nodiscard]] Answer<std::string> change_ide_patch(IdePatchChange change) override;
  [[nodiscard]] Answer<std::string> language_server() override;
  [[nodiscard]] Answer<std::string> start_language_server() override;
  [[nodiscard]] Answer<std::string> stop_language_server() override;
  [[nodiscard]] Answer<std::string> restart_language_server() override;
  [[nodiscard]] Answer<std::string> capture() override;
  [[nodiscard]] Answer<std::string> start_capture() override;
  [[nodiscard]] Answer<std::string> stop_capture() override;
  [[nodiscard]] Answer<std::string> ca() override;
  [[nodiscard]] Answer<std::string> rotate_ca() override;

 private:
  std::chrono::milliseconds patience_;
};

}  // namespace agp::cli
