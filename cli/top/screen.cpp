#include "cli/top/screen.h"

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <limits>
#include <utility>

// ncurses' own names are macros: nothing of ours is included behind it.
#include <ncurses.h>
#include <poll.h>
#include <unistd.h>

namespace agp::cli::top {
namespace {

constexpr short kDefault = -1;  // the terminal's own colour

struct Look {
  Tone tone;
  short color;
  attr_t attribute;
};
constexpr Look kLooks[] = {
    {Tone::plain, kDefault, A_NORMAL},     {Tone::title, kDefault, A_BOLD},
    {Tone::dim, kDefault, A_DIM},          {Tone::good, COLOR_GREEN, A_BOLD},
    {Tone::warning, COLOR_YELLOW, A_BOLD}, {Tone::bad, COLOR_RED, A_BOLD},
};

class Curses final : public Screen {
 public:
  Curses(SCREEN* screen, bool color) : screen_(screen) {
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    has_color_ = color && has_colors() && start_color() == OK && use_default_colors() == OK;
    for (const auto& look : kLooks) {
      if (has_color_) {
        init_pair(pair_of(look.tone), look.color, kDefault);
      }
    }
  }
  Curses(const Curses&) = delete;
  Curses& operator=(const Curses&) = delete;
  Curses(Curses&&) = delete;
  Curses& operator=(Curses&&) = delete;
  ~Curses() override {
    endwin();
    delscreen(screen_);
  }

  [[nodiscard]] Size size() const override {
    return {static_cast<std::size_t>(std::max(LINES, 0)),
            static_cast<std::size_t>(std::max(COLS, 0))};
  }

  void show(const std::vector<ScreenLine>& lines) override {
    erase();
    int row = 0;
    for (const auto& line : lines) {
      move(row++, 0);
      for (const auto& span : line) {
        const auto& look = *std::find_if(std::begin(kLooks), std::end(kLooks),
                                         [&](const Look& each) { return each.tone == span.tone; });
        attr_set(look.attribute, has_color_ ? pair_of(span.tone) : short{0}, nullptr);
        addnstr(span.text.c_str(), static_cast<int>(span.text.size()));
      }
    }
    attr_set(A_NORMAL, 0, nullptr);
    refresh();
  }

  [[nodiscard]] Key wait(std::chrono::milliseconds time) override {
    timeout(static_cast<int>(
        std::min<std::chrono::milliseconds::rep>(time.count(), std::numeric_limits<int>::max())));
    switch (getch()) {
      case 'q':
      case 'Q':
        return Key::quit;
      case 'p':
      case ' ':
        return Key::pause;
      case KEY_UP:
      case 'k':
        return Key::up;
      case KEY_DOWN:
      case 'j':
        return Key::down;
      case KEY_RESIZE:
        return Key::resized;
      default:
        return is_gone() ? Key::quit : Key::none;
    }
  }

 private:
  // A terminal that was closed is not told by a signal where it was not the controlling one.
  static bool is_gone() {
    pollfd terminal{STDIN_FILENO, POLLIN, 0};
    return ::poll(&terminal, 1, 0) > 0 && (terminal.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
  }

  static short pair_of(Tone tone) { return static_cast<short>(static_cast<int>(tone) + 1); }

  SCREEN* screen_;
  bool has_color_ = false;
};

}  // namespace

std::unique_ptr<Screen> open_screen(bool color) {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) {
    return nullptr;
  }
  // Names of models may be anything that UTF-8 can say.
  (void)std::setlocale(LC_ALL, "");
  auto* screen = newterm(nullptr, stdout, stdin);
  return screen == nullptr ? nullptr : std::make_unique<Curses>(screen, color);
}

}  // namespace agp::cli::top
