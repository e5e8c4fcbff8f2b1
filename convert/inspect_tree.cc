// The names of tensors folded by their dots. Children whose names are numbers and that are alike
// (the same names, shapes and dtypes below them) become one line, "0-31", with the sum of their
// bytes.
#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/text_table.h"
#include "base/units.h"
#include "convert/inspect.h"
#include "convert/inspect_summary.h"
#include "convert/transform.h"

namespace mlc {
namespace {

// Names of models have at most 12 parts. What is deeper stays unfolded, so that a hostile name
// can't make the recursion deep.
constexpr std::size_t kMaxDepth = 32;

struct Node {
  std::string name;
  const InspectedTensor* tensor = nullptr;
  std::vector<std::unique_ptr<Node>> children;  // in the order of first appearance
  std::map<std::string, Node*, std::less<>> by_name;
  std::uint64_t nbytes = 0;
  std::size_t tensors = 0;
  std::string signature;  // of all below, without the own name
};

void insert(Node& root, const InspectedTensor& tensor) {
  Node* node = &root;
  std::string_view rest = tensor.name;
  for (std::size_t depth = 0;; depth++) {
    std::size_t dot = depth + 1 < kMaxDepth ? rest.find('.') : std::string_view::npos;
    std::string_view part = rest.substr(0, dot);
    auto known = node->by_name.find(part);
    if (known == node->by_name.end()) {
      node->children.push_back(std::make_unique<Node>());
      node->children.back()->name = part;
      known = node->by_name.emplace(part, node->children.back().get()).first;
    }
    node = known->second;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  node->tensor = &tensor;
}

// A layer or an expert: digits without leading zeros.
std::optional<std::uint32_t> number_of(std::string_view name) {
  std::uint32_t value = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
  if (name.empty() || error != std::errc() || end != name.data() + name.size() ||
      (name.size() > 1 && name[0] == '0'))
    return std::nullopt;
  return value;
}

// Siblings that are shown as one.
struct Group {
  std::vector<std::uint32_t> numbers;  // empty: a child with a name of its own
  std::vector<const Node*> members;
};

std::vector<Group> groups_of(const Node& node) {
  std::vector<Group> groups;
  std::map<std::string_view, std::size_t> by_signature;
  std::vector<std::pair<std::uint32_t, const Node*>> numbered;
  for (const auto& child : node.children)
    if (auto number = number_of(child->name)) numbered.emplace_back(*number, child.get());
  std::sort(numbered.begin(), numbered.end());
  bool placed = false;  // numbers come where the first of them does
  for (const auto& child : node.children) {
    if (!number_of(child->name)) {
      groups.push_back({.numbers = {}, .members = {child.get()}});
      continue;
    }
    if (placed) continue;
    placed = true;
    for (auto [number, member] : numbered) {
      auto [at, added] = by_signature.emplace(member->signature, groups.size());
      if (added) groups.emplace_back();
      groups[at->second].numbers.push_back(number);
      groups[at->second].members.push_back(member);
    }
  }
  return groups;
}

// "0-2, 4-6, 8"
std::string ranges_text(const std::vector<std::uint32_t>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1)
      end++;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", numbers[i]);
    if (end > i + 1) text += fmt::format("-{}", numbers[end - 1]);
    i = end;
  }
  return text;
}

void sum_up(Node& node) {
  // A tensor may have others below its name.
  if (node.tensor) {
    node.tensors = 1;
    node.nbytes = node.tensor->nbytes;
    node.signature = fmt::format("={} {}", node.tensor->dtype, shape_text(node.tensor->shape));
  }
  for (const auto& child : node.children) {
    sum_up(*child);
    node.tensors += child->tensors;
    node.nbytes += child->nbytes;  // can't wrap: inspect_summary has added them all
  }
  for (const Group& group : groups_of(node)) {
    const Node& first = *group.members[0];
    std::string name = group.numbers.empty() ? first.name : ranges_text(group.numbers);
    node.signature += fmt::format("{}:{}({})", name.size(), name, first.signature);
  }
}

void show(const Node& node, std::size_t depth, std::size_t copies, TextTable& table) {
  for (const Group& group : groups_of(node)) {
    const Node* first = group.members[0];
    std::string name = group.numbers.empty() ? printable(first->name) : ranges_text(group.numbers);
    std::size_t count = copies * group.members.size();
    // A chain without branches is one line.
    while (!first->tensor && first->children.size() == 1 && group.members.size() == 1) {
      first = first->children[0].get();
      name += '.';
      name += printable(first->name);
    }
    Json dtype = first->tensor ? Json(first->tensor->dtype) : Json("");
    name.insert(0, 2 * depth, ' ');
    table.add({name, std::move(dtype),
               first->tensor ? Json(shape_text(first->tensor->shape)) : Json(""),
               std::uint64_t{first->tensors * count}, bytes_text(first->nbytes * count)});
    show(*first, depth + 1, count, table);
  }
}

}  // namespace

std::string inspect_tree(const Inspected& inspected) {
  std::string summary = inspect_summary(inspected);
  Node root;
  for (const InspectedTensor& t : inspected.tensors)
    insert(root, t);
  sum_up(root);
  TextTable table({{.key = "name", .title = "name"},
                   {.key = "dtype", .title = "dtype"},
                   {.key = "shape", .title = "shape"},
                   {.key = "tensors", .title = "tensors", .right = true},
                   {.key = "nbytes", .title = "size", .right = true}});
  show(root, 0, 1, table);
  return fmt::format("{}\n{}", summary, table.text());
}

}  // namespace mlc
