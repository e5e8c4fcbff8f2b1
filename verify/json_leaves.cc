#include "verify/json_leaves.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace mlc {
namespace {

// Beside four times the text: a path is about as long as what it leads to, in files as people have.
constexpr std::size_t kPaths = std::size_t{128} << 20;
constexpr std::string_view kMerges = "model.merges";
constexpr std::string_view kVocab = "model.vocab";
constexpr std::string_view kAdded = "added_tokens";

bool is_identifier(std::string_view key) {
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  return !key.empty() && std::all_of(key.begin(), key.end(), plain);
}

std::string quoted_json(std::string_view key) {
  return fmt::format("[{}]", dump_json(Json(key), -1, false));
}

class Collector : public JsonHandler {
 public:
  Collector(std::vector<JsonLeaf>& leaves, std::size_t text, const std::string& where,
            JsonForm form)
      : leaves_(leaves),
        where_(where),
        most_(kPaths + 4 * text),
        tokenizer_(form == JsonForm::kTokenizer) {}

  void begin_object(std::size_t) override { open(false); }
  void key(std::string_view name, std::size_t) override {
    const Open& parent = open_.back();
    path_.resize(parent.path);
    // Tokens are always quoted, so that one can be looked for without knowing what it looks like.
    if (is_identifier(name) && !(tokenizer_ && path_ == kVocab))
      path_.append(path_.empty() ? "" : ".").append(name);
    else
      path_ += quoted_json(name);
  }
  void end_object() override { close(Json::Kind::kObject); }
  void begin_array(std::size_t) override { open(true); }
  void end_array() override { close(Json::Kind::kArray); }
  void string(std::string_view value, std::size_t) override { add(Json::Kind::kString, value); }
  void number(std::string_view text, bool is_integer, std::size_t) override {
    add(is_integer ? Json::Kind::kInt : Json::Kind::kFloat, text);
  }
  void boolean(bool value, std::size_t) override {
    add(Json::Kind::kBool, value ? "true" : "false");
  }
  void null(std::size_t) override { add(Json::Kind::kNull, {}); }

 private:
  struct Open {
    std::size_t path = 0;    // length of its own path
    std::size_t leaves = 0;  // before it
    std::size_t next = 0;    // index of the next item
    bool is_array = false;
  };

  // A value begins: items of arrays get their place.
  void enter() {
    if (open_.empty() || !open_.back().is_array) return;
    path_.resize(open_.back().path);
    path_ += fmt::format("[{}]", open_.back().next++);
  }

  void open(bool is_array) {
    enter();
    open_.push_back({path_.size(), leaves_.size(), 0, is_array});
  }

  void close(Json::Kind kind) {
    Open closed = open_.back();
    open_.pop_back();
    path_.resize(closed.path);
    if (closed.leaves == leaves_.size()) push(kind, {});
    if (tokenizer_ && !open_.empty() && open_.back().is_array) name_entry(closed.leaves);
  }

  void add(Json::Kind kind, std::string_view text) {
    enter();
    push(kind, text);
    if (tokenizer_ && !open_.empty() && open_.back().is_array) name_entry(leaves_.size() - 1);
  }

  void push(Json::Kind kind, std::string_view text) {
    paths_ += path_.size();
    if (paths_ > most_)
      bad_input("{}: the paths of its values are longer than {} bytes", printable(where_), most_);
    leaves_.push_back({path_, kind, std::string(text)});
  }

  // An item of a list has ended, whose leaves begin at `first`: lists of the tokenizer name it by
  // what it is.
  void name_entry(std::size_t first) {
    std::string_view list = std::string_view(path_).substr(0, open_.back().path);
    if (list == kMerges)
      name_merge(first);
    else if (list == kVocab)
      name_piece(first);
    else if (list == kAdded)
      name_added(first);
  }

  void name_merge(std::size_t first) {
    std::vector<std::string> parts;
    for (std::size_t i = first; i < leaves_.size(); i++) {
      if (leaves_[i].kind != Json::Kind::kString) return;
      parts.push_back(leaves_[i].text);
    }
    std::string name;
    if (parts.size() == 1)
      name = quoted_json(parts[0]);
    else if (parts.size() == 2 && (parts[0] + parts[1]).find(' ') == std::string::npos)
      name = quoted_json(parts[0] + " " + parts[1]);
    else if (parts.size() == 2)
      name = fmt::format("[{}, {}]", quoted_json(parts[0]), quoted_json(parts[1]));
    else
      return;
    leaves_.resize(first);
    leaves_.push_back({fmt::format("{}{}", kMerges, name), Json::Kind::kInt,
                       std::to_string(open_.back().next - 1)});
  }

  // [piece, score], as Unigram has them.
  void name_piece(std::size_t first) {
    if (leaves_.size() != first + 2 || leaves_[first].kind != Json::Kind::kString) return;
    std::string path = fmt::format("{}{}", kVocab, quoted_json(leaves_[first].text));
    leaves_[first] = {path + ".id", Json::Kind::kInt, std::to_string(open_.back().next - 1)};
    leaves_[first + 1].path = path + ".score";
  }

  void name_added(std::size_t first) {
    std::string prefix = path_ + ".";
    auto content =
        std::find_if(leaves_.begin() + static_cast<std::ptrdiff_t>(first), leaves_.end(),
                     [&](const JsonLeaf& leaf) { return leaf.path == prefix + "content"; });
    if (content == leaves_.end() || content->kind != Json::Kind::kString) return;
    std::string named = fmt::format("{}{}", kAdded, quoted_json(content->text));
    for (std::size_t i = first; i < leaves_.size(); i++)
      leaves_[i].path = named + leaves_[i].path.substr(path_.size());
  }

  std::vector<JsonLeaf>& leaves_;
  const std::string& where_;
  std::size_t most_;
  std::size_t paths_ = 0;  // bytes of all paths so far
  bool tokenizer_;
  std::string path_;
  std::vector<Open> open_;
};

// One that name_merge() has named: its value is its place.
bool is_merge(const JsonLeaf& leaf) {
  std::string_view path = leaf.path;
  if (leaf.kind != Json::Kind::kInt || !path.starts_with(kMerges)) return false;
  path.remove_prefix(kMerges.size());
  return path.starts_with("[\"") || path.starts_with("[[");
}

bool equal(const JsonLeaf& a, const JsonLeaf& b) {
  if (a.kind != b.kind) return false;
  if (a.text == b.text) return true;
  return a.kind == Json::Kind::kFloat && a.json().as_double("") == b.json().as_double("");
}

}  // namespace

Json JsonLeaf::json() const {
  switch (kind) {
    case Json::Kind::kNull:
      return {};
    case Json::Kind::kBool:
      return text == "true";
    case Json::Kind::kInt:
    case Json::Kind::kFloat:
      return parse_json(text, path);
    case Json::Kind::kString:
      return text;
    case Json::Kind::kArray:
      return Json::array();
    case Json::Kind::kObject:
      return Json::object();
  }
  return {};
}

JsonLeaves::JsonLeaves(std::string_view text, const std::string& where, JsonForm form) {
  JsonLimits limits;
  limits.nul_in_keys = true;  // a vocabulary may hold every character
  Collector collector(leaves_, text.size(), where, form);
  parse_json_events(text, where, limits, collector);
  for (std::size_t i = 0; i < leaves_.size(); i++)
    // Two entries of one name: the second one keeps its place in the name.
    if (!index_.insert(leaves_[i].path).second) {
      leaves_[i].path += fmt::format("#{}", i);
      index_.insert(leaves_[i].path);
    }
}

const JsonLeaf* JsonLeaves::find(std::string_view path) const {
  std::uint32_t found = index_.find(path);
  return found == StringIndex::kNone ? nullptr : &leaves_[found];
}

void ValueDifferences::add(std::string path, std::optional<Json> a, std::optional<Json> b) {
  if (++count <= kKept) kept.push_back({std::move(path), std::move(a), std::move(b)});
}

ValueDifferences compare_leaves(const JsonLeaves& a, const JsonLeaves& b) {
  ValueDifferences differences;
  for (const JsonLeaf& leaf : a.all()) {
    const JsonLeaf* other = b.find(leaf.path);
    if (other == nullptr)
      differences.add(leaf.path, leaf.json(), {});
    else if (!equal(leaf, *other) && !(is_merge(leaf) && is_merge(*other)))
      differences.add(leaf.path, leaf.json(), other->json());
  }
  std::int64_t last = -1;
  bool in_order = true;
  for (const JsonLeaf& leaf : b.all()) {
    const JsonLeaf* other = a.find(leaf.path);
    if (other == nullptr) {
      differences.add(leaf.path, {}, leaf.json());
    } else if (in_order && is_merge(leaf)) {
      std::int64_t place = other->json().as_int(leaf.path);
      in_order = place > last;
      if (!in_order) differences.add(leaf.path, other->json(), leaf.json());
      last = place;
    }
  }
  return differences;
}

}  // namespace mlc
