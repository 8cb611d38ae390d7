#include "common/config/document.h"

#include "common/base/unique_fd.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <sstream>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace agp::config {
namespace {

struct DirDeleter {
  void operator()(DIR* dir) const { (void)::closedir(dir); }  // nothing was written
};

Fault file_fault(const std::string& file, std::string message) {
  return Fault{{file, 0, 0}, {}, std::move(message)};
}

std::string reason(int number) {
  return boost::system::error_code(number, boost::system::system_category()).message();
}

// Events rather than YAML::Node: a Node has forgotten where keys stood and which were repeated,
// and it expands aliases.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(std::string file) : file_(std::move(file)) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) {
      stop(mark, "a second document starts here; a configuration file is one document");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (Node* node = place(mark, "null")) {
      node->kind = Node::Kind::empty;
      // The mark is that of whatever comes next; the key is what the user has to look at.
      if (!stack_.empty() && stack_.back()->kind == Node::Kind::map) {
        node->line = stack_.back()->members.back().line;
        node->column = stack_.back()->members.back().column;
      }
    }
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    stop(mark, "aliases (*name) are not supported; write the value again");
  }

  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t,
                const std::string& value) override {
    check_tag(mark, tag);
    if (std::any_of(value.begin(), value.end(), [](char c) {
          return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
        })) {
      stop(mark, "control characters are not allowed in values");
    }
    if (Node* node = place(mark, value)) {
      node->kind = Node::Kind::scalar;
      node->scalar = value;
    }
  }

  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, Node::Kind::list);
  }
  void OnSequenceEnd() override { stack_.pop_back(); }

  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, Node::Kind::map);
  }
  void OnMapEnd() override { stack_.pop_back(); }

  [[nodiscard]] Node take_root() { return std::move(root_); }
  [[nodiscard]] Faults take_faults() { return std::move(faults_); }

 private:
  // yaml-cpp knows no other way to leave its parser; parse() below is the only catcher.
  [[noreturn]] static void stop(const YAML::Mark& mark, const std::string& message) {
    throw YAML::ParserException(mark, message);
  }

  static void check_tag(const YAML::Mark& mark, const std::string& tag) {
    // "?" is a plain scalar and "!" a quoted one.
    if (!tag.empty() && tag != "?" && tag != "!") {
      stop(mark, "tags (" + tag + ") are not supported");
    }
  }

  // Keys end up in fault texts and logs, so they are short and plain.
  static bool is_key(const std::string& key) {
    static constexpr std::size_t kLongest = 64;
    return key.size() <= kLongest && !key.empty() &&
           std::all_of(key.begin(), key.end(), [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-' || c == '.';
           });
  }

  void open(const YAML::Mark& mark, const std::string& tag, Node::Kind kind) {
    check_tag(mark, tag);
    if (stack_.size() >= kMaxDepth) {
      stop(mark, "nested deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    if (!stack_.empty() && stack_.back()->kind == Node::Kind::map && wants_key_.back()) {
      stop(mark, "a key must be a plain word");
    }
    Node* node = place(mark, {});
    node->kind = kind;
    stack_.push_back(node);
    wants_key_.resize(stack_.size());
    wants_key_.back() = true;
  }

  /// The node that the next value fills; null when it was a key of the open map.
  Node* place(const YAML::Mark& mark, const std::string& key) {
    if (++nodes_ > kMaxNodes) {
      stop(mark, "more than " + std::to_string(kMaxNodes) + " values in one file");
    }
    const int line = mark.line + 1;
    const int column = mark.column + 1;
    Node* node = nullptr;
    if (stack_.empty()) {
      node = &root_;
    } else if (Node& parent = *stack_.back(); parent.kind == Node::Kind::list) {
      node = &parent.items.emplace_back();
    } else {
      wants_key_.resize(stack_.size());
      if (wants_key_.back()) {
        if (!is_key(key)) {
          stop(mark, "a key is a word of letters, digits, '_', '-' and '.'");
        }
        wants_key_.back() = false;
        add_key(parent, key, line, column);
        return nullptr;
      }
      wants_key_.back() = true;
      node = &parent.members.back().value;
    }
    node->line = line;
    node->column = column;
    return node;
  }

  void add_key(Node& parent, const std::string& key, int line, int column) {
    const auto first = std::find_if(parent.members.begin(), parent.members.end(),
                                    [&](const Member& member) { return member.key == key; });
    if (first != parent.members.end()) {
      faults_.list.push_back(
          {{file_, line, column},
           key,
           "key is repeated; it is already set in line " + std::to_string(first->line)});
    }
    parent.members.push_back({key, line, column, {}});
  }

  std::string file_;
  Node root_;
  std::vector<Node*> stack_;  // open lists and maps; only the last one of each list grows
  std::vector<bool> wants_key_;
  Faults faults_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

Checked<std::string> read_file(const std::string& path, std::optional<std::uint32_t> owner) {
  const auto fault = [&](std::string message) {
    return Faults{{file_fault(path, std::move(message))}};
  };
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat st {};
  if (!fd.is_open() || ::fstat(fd.get(), &st) != 0) {
    return fault("cannot be read: " + reason(errno));
  }
  if (!S_ISREG(st.st_mode)) {
    return fault("is not a regular file");
  }
  if (owner && (st.st_uid != *owner || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)) {
    return fault("must belong to uid " + std::to_string(*owner) +
                 " and be writable by nobody else: chown it and chmod go-w");
  }
  std::string text;
  text.resize(kMaxFileBytes + 1);
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return fault("cannot be read: " + reason(errno));
    }
    if (n == 0) {
      break;
    }
    size += static_cast<std::size_t>(n);
  }
  if (size > kMaxFileBytes) {
    return fault("is larger than 1 MiB");
  }
  text.resize(size);
  return text;
}

Checked<std::vector<std::string>> list_drop_ins(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, DirDeleter> dir(::opendir(directory.c_str()));
  if (!dir) {
    if (errno == ENOENT) {
      return names;
    }
    return Faults{{file_fault(directory, "cannot be read: " + reason(errno))}};
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name.front() != '.' && name.size() > 5 && name.ends_with(".yaml")) {
      names.push_back(directory + '/' + name);
    }
    if (names.size() > kMaxDropIns) {
      return Faults{
          {file_fault(directory, "holds more than " + std::to_string(kMaxDropIns) + " files")}};
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

void read_into(Documents& documents, const std::string& path, std::optional<std::uint32_t> owner) {
  auto text = read_file(path, owner);
  if (!text) {
    documents.faults.append(text.error());
    return;
  }
  documents.list.push_back(parse(*text, path, documents.faults));
}

}  // namespace

Document parse(std::string_view text, const std::string& file, Faults& faults) {
  Document document{file, {}};
  if (text.size() > kMaxFileBytes) {
    faults.list.push_back(file_fault(file, "is larger than 1 MiB"));
    return document;
  }
  // yaml-cpp notices an open quotation mark at the end of the text only when no line feed comes
  // before the end.
  const auto last = text.find_last_not_of(" \t\r\n");
  text = text.substr(0, last == std::string_view::npos ? 0 : last + 1);
  Builder builder(file);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    faults.append(builder.take_faults());
    faults.list.push_back({{file, e.mark.line + 1, e.mark.column + 1}, {}, e.msg});
    return document;
  }
  faults.append(builder.take_faults());
  Node root = builder.take_root();
  if (root.kind == Node::Kind::scalar || root.kind == Node::Kind::list) {
    faults.list.push_back({{file, root.line, root.column}, {}, "expected \"key: value\" lines"});
    return document;
  }
  document.root = std::move(root);
  return document;
}

Documents read_files(const std::string& path, Missing missing, std::optional<std::uint32_t> owner) {
  Documents documents;
  if (missing == Missing::is_fault || ::access(path.c_str(), F_OK) == 0 || errno != ENOENT) {
    read_into(documents, path, owner);
  }
  auto drop_ins = list_drop_ins(path + ".d");
  if (!drop_ins) {
    documents.faults.append(drop_ins.error());
    return documents;
  }
  for (const auto& name : *drop_ins) {
    read_into(documents, name, owner);
  }
  return documents;
}

}  // namespace agp::config
