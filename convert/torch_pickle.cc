#include "convert/torch_pickle.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "convert/pickle_opcodes.h"
#include "convert/torch_calls.h"

namespace mlc {
namespace {

constexpr std::size_t kMaxValues = 1'000'000;  // a tensor takes about ten

class PickleParser {
 public:
  PickleParser(std::string_view pickle, const std::string& where) : bytes_(pickle) {
    state_.where = where;
  }

  StateDict parse() {
    if (bytes_.size() > kMaxPickle)
      bad_input("{}: {} bytes, expected at most {}", state_.where, bytes_.size(), kMaxPickle);
    while (!stopped_) {
      start_ = at_;
      opcode_ = static_cast<std::uint8_t>(take(1)[0]);
      if (start_ == 0 && opcode_ != 0x80) refuse("expected PROTO first");
      step();
    }
    if (at_ != bytes_.size()) refuse("{} bytes follow", bytes_.size() - at_);
    if (!marks_.empty()) refuse("unexpected MARK");
    PickleId root = pop();
    if (!stack_.empty()) refuse("{} more values on the stack", stack_.size());
    name_tensors(state_, root);
    return std::move(state_.found);
  }

 private:
  template <class... A>
  [[noreturn]] void refuse(fmt::format_string<A...> format, A&&... args) const {
    bad_input("{}: byte {}: opcode {} ({:#04x}): {}", state_.where, start_,
              pickle_opcode_name(opcode_), opcode_, fmt::format(format, std::forward<A>(args)...));
  }

  // Bytes of the opcode's argument.
  std::string_view take(std::uint64_t n) {
    if (n > bytes_.size() - at_)
      bad_input("{}: byte {}: pickle ends here, expected {} more bytes", state_.where, at_, n);
    std::string_view result = bytes_.substr(at_, static_cast<std::size_t>(n));
    at_ += static_cast<std::size_t>(n);
    return result;
  }

  std::uint64_t number(std::size_t width) {
    std::string_view raw = take(width);
    std::uint64_t value = 0;
    for (std::size_t i = width; i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(raw[i]);
    return value;
  }

  std::string_view line() {
    std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) refuse("without its newline");
    std::string_view result = take(end - at_);
    at_++;
    return result;
  }

  PickleValue& value(PickleId id) { return state_.values[id]; }

  void push(PickleValue v) {
    if (state_.values.size() >= kMaxValues) refuse("more than {} values", kMaxValues);
    state_.values.push_back(std::move(v));
    stack_.push_back(static_cast<PickleId>(state_.values.size() - 1));
  }
  void push(PickleKind kind, std::int64_t n = 0) { push(PickleValue{.kind = kind, .number = n}); }
  void push_text(std::string_view text) {
    push(PickleValue{.kind = PickleKind::kString, .text = text});
  }

  PickleId top() const {
    if (stack_.size() <= base()) refuse("stack underflow");
    return stack_.back();
  }
  PickleId pop() {
    PickleId id = top();
    stack_.pop_back();
    return id;
  }
  // Values below the last mark are out of reach.
  std::size_t base() const { return marks_.empty() ? 0 : marks_.back(); }

  std::vector<PickleId> pop_to_mark() {
    if (marks_.empty()) refuse("no MARK");
    auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleId> items(from, stack_.end());
    stack_.erase(from, stack_.end());
    marks_.pop_back();
    return items;
  }

  void push_tuple(std::size_t n) {
    PickleValue tuple{.kind = PickleKind::kTuple, .items = std::vector<PickleId>(n)};
    for (std::size_t i = n; i-- > 0;)
      tuple.items[i] = pop();
    push(std::move(tuple));
  }

  void append(const std::vector<PickleId>& items) {
    PickleValue& list = value(top());
    if (list.kind != PickleKind::kList) refuse("expected a list to append to");
    list.items.insert(list.items.end(), items.begin(), items.end());
  }

  void set_items(const std::vector<PickleId>& items) {
    if (items.size() % 2 != 0) refuse("a key without its value");
    PickleValue& dict = value(top());
    if (dict.kind != PickleKind::kDict) refuse("expected a dict to add to");
    for (std::size_t i = 0; i < items.size(); i += 2) {
      PickleKind key = value(items[i]).kind;
      if (key != PickleKind::kString && key != PickleKind::kInt)
        refuse("a key that is neither text nor an integer");
    }
    dict.items.insert(dict.items.end(), items.begin(), items.end());
  }

  void push_global(std::string_view module, std::string_view name) {
    std::optional<PickleValue> global = torch_global(module, name);
    if (!global)
      refuse("{}.{} is not part of a state dict; nothing was run", printable(module),
             printable(name));
    push(std::move(*global));
  }

  void stack_global() {
    PickleId name = pop(), module = pop();
    if (value(name).kind != PickleKind::kString || value(module).kind != PickleKind::kString)
      refuse("expected two strings");
    push_global(value(module).text, value(name).text);
  }

  // Attributes of a dict, such as _metadata of a state dict, say nothing about tensors.
  void build() {
    PickleKind attributes = value(pop()).kind;
    if (value(top()).kind != PickleKind::kDict || attributes != PickleKind::kDict)
      refuse("expected a dict and its attributes");
  }

  void memoize(std::uint64_t slot) {
    if (memo_.size() >= kMaxValues) refuse("more than {} memo slots", kMaxValues);
    memo_[slot] = top();
  }
  void recall(std::uint64_t slot) {
    auto found = memo_.find(slot);
    if (found == memo_.end()) refuse("memo slot {} was never filled", slot);
    stack_.push_back(found->second);
  }

  void long_integer(std::size_t width) {
    std::string_view raw = take(width);
    if (width > 8) return push(PickleKind::kIgnored);
    std::uint64_t bits = 0;
    for (std::size_t i = 8; i-- > 0;) {
      bool negative = width != 0 && (static_cast<unsigned char>(raw[width - 1]) & 0x80) != 0;
      bits = bits << 8 | (i < width ? static_cast<unsigned char>(raw[i]) : negative ? 0xFFU : 0U);
    }
    push(PickleKind::kInt, static_cast<std::int64_t>(bits));
  }

  void step() {
    switch (opcode_) {
      case 0x80: {  // PROTO
        std::uint64_t version = number(1);
        if (start_ != 0) refuse("expected only at the beginning");
        if (version < 2 || version > 5) refuse("protocol {}, expected 2 to 5", version);
        break;
      }
      case 0x95: {  // FRAME: a hint for reading ahead
        std::uint64_t length = number(8);
        if (length > bytes_.size() - at_) refuse("{} bytes, more than there are", length);
        break;
      }
      case '.':
        stopped_ = true;
        break;
      case '(':
        marks_.push_back(stack_.size());
        break;
      case 'N':
        push(PickleKind::kNone);
        break;
      case 0x88:
        push(PickleKind::kBool, 1);
        break;
      case 0x89:
        push(PickleKind::kBool, 0);
        break;
      case 'K':
        push(PickleKind::kInt, static_cast<std::int64_t>(number(1)));
        break;
      case 'M':
        push(PickleKind::kInt, static_cast<std::int64_t>(number(2)));
        break;
      case 'J':
        push(PickleKind::kInt, static_cast<std::int32_t>(number(4)));
        break;
      case 0x8A:
        long_integer(number(1));
        break;
      case 'G':
        take(8);
        push(PickleKind::kIgnored);
        break;
      case 'U':
      case 0x8C:
        push_text(take(number(1)));
        break;
      case 'X':
        push_text(take(number(4)));
        break;
      case 0x8D:
        push_text(take(number(8)));
        break;
      case 'C':
        take(number(1));
        push(PickleKind::kIgnored);
        break;
      case 'B':
        take(number(4));
        push(PickleKind::kIgnored);
        break;
      case ')':
        push_tuple(0);
        break;
      case 0x85:
        push_tuple(1);
        break;
      case 0x86:
        push_tuple(2);
        break;
      case 0x87:
        push_tuple(3);
        break;
      case 't': {
        PickleValue tuple{.kind = PickleKind::kTuple, .items = pop_to_mark()};
        push(std::move(tuple));
        break;
      }
      case ']':
        push(PickleKind::kList);
        break;
      case '}':
        push(PickleKind::kDict);
        break;
      case 0x8F:
        push(PickleKind::kIgnored);
        break;
      case 0x90:  // ADDITEMS
        pop_to_mark();
        if (value(top()).kind != PickleKind::kIgnored) refuse("expected a set to add to");
        break;
      case 'a': {
        PickleId item = pop();
        append({item});
        break;
      }
      case 'e':
        append(pop_to_mark());
        break;
      case 's': {
        PickleId item = pop(), key = pop();
        set_items({key, item});
        break;
      }
      case 'u':
        set_items(pop_to_mark());
        break;
      case 'q':
        memoize(number(1));
        break;
      case 'r':
        memoize(number(4));
        break;
      case 0x94:
        memoize(memo_.size());
        break;
      case 'h':
        recall(number(1));
        break;
      case 'j':
        recall(number(4));
        break;
      case 'c': {
        std::string_view module = line();
        push_global(module, line());
        break;
      }
      case 0x93:
        stack_global();
        break;
      case 'R': {
        PickleId arguments = pop(), function = pop();
        push(located([&] { return call_torch_global(state_, function, arguments); }));
        break;
      }
      case 'Q': {
        PickleId id = pop();
        push(located([&] { return torch_storage(state_, id); }));
        break;
      }
      case 'b':
        build();
        break;
      default:
        refuse("not part of a state dict; nothing was run");
    }
  }

  // Says in which opcode the arguments are wrong.
  template <class F>
  PickleValue located(F f) const {
    try {
      return f();
    } catch (const Error& e) {
      refuse("{}", e.what());
    }
  }

  std::string_view bytes_;
  PickleState state_;
  std::size_t at_ = 0;     // next byte
  std::size_t start_ = 0;  // of the current opcode
  std::uint8_t opcode_ = 0;
  bool stopped_ = false;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;  // heights of the stack
  std::unordered_map<std::uint64_t, PickleId> memo_;
};

}  // namespace

StateDict parse_state_dict(std::string_view pickle, const std::string& where) {
  return PickleParser(pickle, where).parse();
}

}  // namespace mlc
