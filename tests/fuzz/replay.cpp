#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/// Runs a fuzz target without libFuzzer: every seed, then mutations of each, the same ones in every
/// run. Bounded by counts, not by time. An input that kills the process is kept.
///
/// usage: NAME-replay FILE-OR-DIRECTORY... [--mutations N]

// Sanitizers call it before they end the process; without them it is not there.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using agp::Buffer;

constexpr std::size_t kMutations = 500;      // of each seed
constexpr std::size_t kMaxOctets = 500'000;  // of all mutations of a target together
constexpr std::size_t kMaxInput = 64 * 1024;

const Buffer* running = nullptr;
std::array<char, 512> crash_path{};

void keep_input() {
  const Buffer* input = std::exchange(running, nullptr);
  if (input == nullptr) {
    return;
  }
  const int file = ::open(crash_path.data(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) {
    return;
  }
  const bool is_kept =
      ::write(file, input->data(), input->size()) == static_cast<ssize_t>(input->size());
  (void)::close(file);
  static constexpr std::string_view kText = "the input was kept as ";
  if (is_kept && ::write(2, kText.data(), kText.size()) > 0 &&
      ::write(2, crash_path.data(), ::strlen(crash_path.data())) > 0) {
    (void)!::write(2, "\n", 1);
  }
}

void on_signal(int number) {
  keep_input();
  (void)::signal(number, SIG_DFL);
  (void)::raise(number);
}

void run(const Buffer& input) {
  running = &input;
  (void)LLVMFuzzerTestOneInput(input.data(), input.size());
  running = nullptr;
}

class Mutator {
 public:
  Mutator(const std::vector<Buffer>* seeds, std::uint32_t seed) : seeds_(seeds), random_(seed) {}

  Buffer operator()(const Buffer& from) {
    Buffer out = from;
    for (std::size_t n = 1 + below(4); n > 0; --n) {
      change(&out);
    }
    out.resize(std::min(out.size(), kMaxInput));
    return out;
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  void change(Buffer* out) {
    const std::size_t at = below(out->size() + 1);
    const auto here = out->begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t most = out->size() - at;
    const auto behind = [&](std::size_t n) {
      return here + static_cast<std::ptrdiff_t>(std::min(n, most));
    };
    switch (below(8)) {
      case 0:  // one octet is another
        if (most > 0) {
          *here = static_cast<std::uint8_t>(random_());
        }
        break;
      case 1:  // one bit
        if (most > 0) {
          *here = static_cast<std::uint8_t>(*here ^ 1U << below(8));
        }
        break;
      case 2:  // a piece is missing
        out->erase(here, behind(1 + below(16)));
        break;
      case 3: {  // a piece is there twice
        const Buffer piece(here, behind(1 + below(64)));
        out->insert(here, piece.begin(), piece.end());
        break;
      }
      case 4: {  // a word that readers care about
        static constexpr std::array<std::string_view, 20> kWords{
            "\r\n", "\n", "\r", "\r\n\r\n", "\"", "\\", "\\u00", "{",    "}",        "[",
            "]",    ":",  "0",  "ffffffff", "-",  ",",  " ",     "\xFF", "data: {}", "null"};
        const agp::Bytes word = agp::as_bytes(kWords[below(kWords.size())]);
        out->insert(here, word.begin(), word.end());
        break;
      }
      case 5:  // the end is missing
        out->erase(here, out->end());
        break;
      case 6: {  // the end of another seed
        const Buffer& other = (*seeds_)[below(seeds_->size())];
        const auto from = other.begin() + static_cast<std::ptrdiff_t>(below(other.size() + 1));
        out->erase(here, out->end());
        out->insert(out->end(), from, other.end());
        break;
      }
      default:  // a digit or a letter is its neighbour
        if (most > 0) {
          *here = static_cast<std::uint8_t>(*here + (below(2) == 0 ? 1 : 255));
        }
        break;
    }
  }

  const std::vector<Buffer>* seeds_;
  std::mt19937 random_;
};

Buffer read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::filesystem::path> files_below(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) {
    return {path};
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t mutations = kMutations;
  std::vector<Buffer> seeds;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--mutations" && i + 1 < argc) {
      mutations = std::strtoul(argv[++i], nullptr, 10);
      continue;
    }
    for (const auto& file : files_below(argv[i])) {
      seeds.push_back(read_file(file));
    }
  }
  if (seeds.empty()) {
    (void)std::fprintf(stderr, "no seeds: give a file or a directory with some\n");
    return 64;
  }
  const char* directory = std::getenv("AGP_FUZZ_CRASHES");
  (void)std::snprintf(crash_path.data(), crash_path.size(), "%s/crash-%s-%d",
                      directory == nullptr ? "/tmp" : directory,
                      std::filesystem::path(argv[0]).filename().c_str(), ::getpid());
  (void)::signal(SIGABRT, on_signal);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(keep_input);
  }
  for (const Buffer& seed : seeds) {
    run(seed);
  }
  std::size_t runs = seeds.size();
  std::size_t octets = 0;
  Mutator mutate(&seeds, 1);
  for (std::size_t round = 0; round < mutations && octets < kMaxOctets; ++round) {
    for (const Buffer& seed : seeds) {
      const Buffer input = mutate(seed);
      octets += input.size() + 64;
      ++runs;
      run(input);
    }
  }
  (void)std::printf("%zu seeds, %zu inputs\n", seeds.size(), runs);
  return 0;
}
