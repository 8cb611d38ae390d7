#pragma once

#include "common/base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sqlite3.h>

/// A thin owner for SQLite's C handles: values in, values and Results out.
namespace agp::ledger::sqlite {

/// The failure that `db` reported last, as one of ledger::Errc, with SQLite's own words.
[[nodiscard]] Error last_error(sqlite3* db, std::string context);
[[nodiscard]] Error error_of(int result, std::string context);

class Statement {
 public:
  Statement() = default;

  void bind(int index, std::int64_t value);
  void bind(int index, double value);
  void bind(int index, std::string_view value);           // copied
  void bind_borrowed(int index, std::string_view value);  // must live until the next step
  void bind_null(int index);

  /// True: a row is there; false: done.
  [[nodiscard]] Result<bool> step();
  /// Ready for the next round; bindings stay.
  void reset();

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::optional<std::int64_t> maybe_integer(int column) const;
  [[nodiscard]] std::optional<std::string> maybe_text(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  Database() = default;

  /// @param flags  SQLITE_OPEN_*; the connection belongs to one thread at a time.
  [[nodiscard]] static Result<Database> open(const std::string& path, int flags);

  [[nodiscard]] Result<> exec(const char* sql);
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  [[nodiscard]] Result<std::int64_t> integer(std::string_view sql);
  /// Rows changed by the last INSERT, UPDATE or DELETE.
  [[nodiscard]] int changes() const { return sqlite3_changes(db_.get()); }
  /// Whether the last connection that closes moves the log into the file; it does by default.
  void checkpoint_on_close(bool wanted);
  /// The file at that path is another one now, or none.
  [[nodiscard]] Result<bool> has_moved();
  /// Row number that the last INSERT gave.
  [[nodiscard]] std::int64_t last_row() const { return sqlite3_last_insert_rowid(db_.get()); }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace agp::ledger::sqlite
