#pragma once

#include "cli/top/view.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// The terminal as `top` uses it.
namespace agp::cli::top {

enum class Key { none, quit, pause, up, down, resized };

class Screen {
 public:
  Screen() = default;
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  Screen(Screen&&) = delete;
  Screen& operator=(Screen&&) = delete;
  virtual ~Screen() = default;

  [[nodiscard]] virtual Size size() const = 0;
  virtual void show(const std::vector<ScreenLine>& lines) = 0;
  /// Waits for a key, or until the time is over: none.
  [[nodiscard]] virtual Key wait(std::chrono::milliseconds time) = 0;
};

/// Takes over the terminal by ncurses until it is destroyed; a signal that ends the process gives
/// it back too.
/// @return none, when standard input and output are no terminal that is known.
[[nodiscard]] std::unique_ptr<Screen> open_screen(bool color);

}  // namespace agp::cli::top
