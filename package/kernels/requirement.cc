#include "package/kernels/requirement.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "package/kernels/vulkan_terms.h"

namespace mlc {
namespace {

using Kind = Requirement::Kind;

constexpr std::size_t kMost = 1024;

const Json* member(const Json& device, std::string_view name) { return device.find(name); }

bool has_text(const Json* list, std::string_view wanted) {
  if (list == nullptr || !list->is_array()) return false;
  for (const Json& item : list->items("device"))
    if (item.is_string() && item.as_string("device") == wanted) return true;
  return false;
}

std::string text_of(const Json& value) {
  if (value.is_string()) return value.as_string("value");
  return dump_json(value);
}

// -1, 0, 1; 2 where they can't be compared, as with NaN.
int compare_numbers(const Json& a, const Json& b) {
  if (!a.is_number() || !b.is_number()) return 2;
  const auto is_size = [](const Json& v) { return v.is_int() && v.number_text().front() != '-'; };
  try {
    if (is_size(a) && is_size(b)) {
      const std::uint64_t x = a.as_size("value"), y = b.as_size("value");
      return x < y ? -1 : x > y ? 1 : 0;
    }
    const double x = a.as_double("value"), y = b.as_double("value");
    if (std::isnan(x) || std::isnan(y)) return 2;
    return x < y ? -1 : x > y ? 1 : 0;
  } catch (const Error&) {
    return 2;  // beyond 64 bits
  }
}

bool holds(int compared, std::string_view op) {
  if (compared == 2) return false;
  if (op == ">=") return compared >= 0;
  if (op == "<=") return compared <= 0;
  if (op == "<") return compared < 0;
  if (op == ">") return compared > 0;
  return op == "==" && compared == 0;
}

// Lists are compared element by element: each has to hold.
bool compare_values(const Json& found, std::string_view op, const Json& wanted) {
  if (wanted.is_array() && found.is_array()) {
    const auto& a = found.items("device");
    const auto& b = wanted.items("limit");
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); i++)
      if (!holds(compare_numbers(a[i], b[i]), op)) return false;
    return true;
  }
  return holds(compare_numbers(found, wanted), op);
}

bool is_value(const Json& value) {
  if (!value.is_array()) return value.is_number();
  const auto& items = value.items("value");
  return std::all_of(items.begin(), items.end(), [](const Json& v) { return v.is_number(); });
}

class Parser {
 public:
  explicit Parser(const std::string& where) : where_(where) {}

  std::vector<Requirement> parse(const Json& json) {
    for (const auto& [name, value] : json.members(where_))
      one(name, value);
    return std::move(all_);
  }

 private:
  void add(Requirement requirement) {
    if (all_.size() == kMost) bad_input("{}: more than {} requirements", where_, kMost);
    all_.push_back(std::move(requirement));
  }
  void unknown(std::string name) { add({.kind = Kind::kUnknown, .name = std::move(name)}); }
  std::string at(std::string_view name) const { return fmt::format("{}.{}", where_, name); }

  void one(const std::string& name, const Json& value) {
    if (name == "apiVersion") return version(Kind::kApiVersion, name, value);
    if (name == "spirv") return version(Kind::kSpirv, name, value);
    if (name == "openclC") return version(Kind::kOpenclC, name, value);
    if (name == "capabilities") return names(Kind::kCapability, name, value);
    if (name == "extensions") return names(Kind::kExtension, name, value);
    if (name == "features") return features(value);
    if (name == "limits") return limits(value);
    if (name == "subgroup") return subgroup(value);
    if (name == "vendor") {
      Requirement vendor{.kind = Kind::kVendor, .name = name};
      for (const Json& item : value.items(at(name)))
        vendor.any.push_back(item.as_string(at(name)));
      return add(std::move(vendor));
    }
    unknown(name);
  }

  void version(Kind kind, const std::string& name, const Json& value) {
    if (!parse_dotted(value.as_string(at(name))).valid)
      bad_input("{}: \"{}\" is no version, expected such as \"1.2\" (byte {})", at(name),
                printable(value.as_string(name)), value.offset());
    add({.kind = kind, .name = name, .op = ">=", .value = value});
  }

  void names(Kind kind, const std::string& name, const Json& value) {
    for (const Json& item : value.items(at(name)))
      add({.kind = kind, .name = item.as_string(at(name))});
  }

  void features(const Json& value) {
    for (const auto& [structure, members] : value.members(at("features")))
      for (const auto& [name, wanted] : members.members(at("features." + structure))) {
        const std::string full = fmt::format("{}.{}", structure, name);
        // Whatever else stands there than `true` is a language that this program doesn't know.
        if (wanted.is_bool() && wanted.as_bool(full))
          add({.kind = Kind::kFeature, .name = full});
        else
          unknown("features." + full);
      }
  }

  void limits(const Json& value) {
    for (const auto& [name, wanted] : value.members(at("limits")))
      comparison(Kind::kLimit, name, wanted, "limits." + name);
  }

  void comparison(Kind kind, const std::string& name, const Json& wanted, const std::string& full) {
    for (const auto& [op, value] : wanted.members(at(full))) {
      if ((op == ">=" || op == "<=" || op == "==") && is_value(value))
        add({.kind = kind, .name = name, .op = op, .value = value});
      else
        unknown(fmt::format("{} {}", full, op));
    }
  }

  void subgroup(const Json& value) {
    for (const auto& [name, wanted] : value.members(at("subgroup"))) {
      if (name == "size" && wanted.is_number())
        add({.kind = Kind::kSubgroupSize, .name = name, .op = "==", .value = wanted});
      else if (name == "size" && wanted.is_object())
        comparison(Kind::kSubgroupSize, name, wanted, "subgroup.size");
      else if (name == "control" && wanted.is_string() && wanted.as_string(name) == "required")
        add({.kind = Kind::kSubgroupControl, .name = name});
      else if (name == "ops")
        names(Kind::kSubgroupOp, "subgroup.ops", wanted);
      else
        unknown("subgroup." + name);
    }
  }

  const std::string& where_;
  std::vector<Requirement> all_;
};

std::string found_text(const Json* found) {
  if (found == nullptr) return "the device does not say";
  return "the device has " + printable(text_of(*found), 60);
}

std::string version_problem(const Requirement& r, const Json* found) {
  if (found == nullptr || !found->is_string()) return "the device does not say";
  const DottedVersion has = parse_dotted(found->as_string("device"));
  if (!has.valid || compare(has, parse_dotted(r.value.as_string("version"))) < 0)
    return found_text(found);
  return "";
}

// A chosen size, where the device lets one choose, else the one that it has.
std::string subgroup_size_problem(const Requirement& r, const Json* subgroup) {
  const Json* size = subgroup == nullptr ? nullptr : subgroup->find("size");
  if (size == nullptr) return "the device does not say";
  if (compare_values(*size, r.op, r.value)) return "";
  const Json* control = subgroup->find("control");
  const Json* least = subgroup->find("minSize");
  const Json* most = subgroup->find("maxSize");
  const bool chosen = control != nullptr && control->is_bool() && control->as_bool("control");
  if (r.op == "==" && chosen && least != nullptr && most != nullptr &&
      compare_values(r.value, ">=", *least) && compare_values(r.value, "<=", *most))
    return "";
  return found_text(size);
}

}  // namespace

std::string Requirement::text() const {
  switch (kind) {
    case Kind::kApiVersion:
    case Kind::kSpirv:
    case Kind::kOpenclC:
      return fmt::format("{} >= {}", name, printable(text_of(value), 60));
    case Kind::kCapability:
      return fmt::format("capability {}", printable(name, 60));
    case Kind::kExtension:
      return fmt::format("extension {}", printable(name, 80));
    case Kind::kFeature:
      return fmt::format("feature {}", printable(name, 120));
    case Kind::kLimit:
      return fmt::format("limits.{} {} {}", printable(name, 60), op, printable(text_of(value), 60));
    case Kind::kSubgroupSize:
      return fmt::format("subgroup.size {} {}", op, printable(text_of(value), 60));
    case Kind::kSubgroupControl:
      return "subgroup.control";
    case Kind::kSubgroupOp:
      return fmt::format("subgroup operation {}", printable(name, 60));
    case Kind::kVendor:
      return fmt::format("vendor one of {}", printable_list(any));
    case Kind::kUnknown:
      break;
  }
  return fmt::format("\"{}\"", printable(name, 100));
}

std::vector<Requirement> parse_requirements(const Json& requires_json, const std::string& where) {
  return Parser(where).parse(requires_json);
}

std::string why_not(const Requirement& r, const Json& device) {
  const Json* subgroup = member(device, "subgroup");
  switch (r.kind) {
    case Kind::kApiVersion:
    case Kind::kOpenclC:
      return version_problem(r, member(device, r.name));
    case Kind::kSpirv: {
      const Json offered = spirv_of(device);
      return version_problem(r, offered.is_null() ? nullptr : &offered);
    }
    case Kind::kCapability:
      return capability_problem(r.name, device);
    case Kind::kExtension:
      return has_text(member(device, "extensions"), r.name) ||
                     is_core(r.name, member(device, "apiVersion"))
                 ? ""
                 : "the device lacks it";
    case Kind::kFeature: {
      const std::size_t dot = r.name.find('.');
      return feature_problem(r.name.substr(0, dot), r.name.substr(dot + 1), device);
    }
    case Kind::kLimit: {
      const Json* limits = member(device, "limits");
      const Json* found = limits == nullptr ? nullptr : limits->find(r.name);
      return found != nullptr && compare_values(*found, r.op, r.value) ? "" : found_text(found);
    }
    case Kind::kSubgroupSize:
      return subgroup_size_problem(r, subgroup);
    case Kind::kSubgroupControl: {
      const Json* control = subgroup == nullptr ? nullptr : subgroup->find("control");
      return control != nullptr && control->is_bool() && control->as_bool("control")
                 ? ""
                 : "the device lacks it";
    }
    case Kind::kSubgroupOp:
      return subgroup != nullptr && has_text(subgroup->find("ops"), r.name) ? ""
                                                                            : "the device lacks it";
    case Kind::kVendor: {
      const Json* vendor = member(device, "vendor");
      if (vendor == nullptr || !vendor->is_string()) return "the device does not say";
      return std::find(r.any.begin(), r.any.end(), vendor->as_string("vendor")) != r.any.end()
                 ? ""
                 : found_text(vendor);
    }
    case Kind::kUnknown:
      break;
  }
  return "this program does not know what that means";
}

bool is_denied(const Json& entry, const Json& device) {
  for (const auto& [name, wanted] : entry.members("deny")) {
    if (name == "reason") continue;
    const Json* found = member(device, name);
    // Fail closed: what nobody can say is taken to match.
    if (found == nullptr) continue;
    if (wanted.is_object()) {
      for (const auto& [op, value] : wanted.members(name)) {
        int compared = 2;
        if (found->is_string() && value.is_string()) {
          const DottedVersion a = parse_dotted(found->as_string(name));
          const DottedVersion b = parse_dotted(value.as_string(name));
          if (a.valid && b.valid) compared = compare(a, b);
        } else {
          compared = compare_numbers(*found, value);
        }
        const bool known =
            compared != 2 && (op == "<" || op == "<=" || op == ">" || op == ">=" || op == "==");
        if (known && !holds(compared, op)) return false;
      }
    } else if (wanted.is_number() && found->is_number()) {
      if (compare_numbers(*found, wanted) != 0) return false;
    } else if (wanted.is_string() && found->is_string()) {
      if (wanted.as_string(name) != found->as_string(name)) return false;
    }
  }
  return true;
}

DottedVersion parse_dotted(std::string_view text) {
  DottedVersion version;
  while (version.numbers.size() < 8) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + dot, number);
    if (problem != std::errc() || end != text.data() + dot) return version;
    version.numbers.push_back(number);
    if (dot == text.size()) {
      version.valid = true;
      return version;
    }
    text.remove_prefix(dot + 1);
  }
  return version;
}

int compare(const DottedVersion& a, const DottedVersion& b) {
  for (std::size_t i = 0; i < std::max(a.numbers.size(), b.numbers.size()); i++) {
    const std::uint64_t x = i < a.numbers.size() ? a.numbers[i] : 0;
    const std::uint64_t y = i < b.numbers.size() ? b.numbers[i] : 0;
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

}  // namespace mlc
