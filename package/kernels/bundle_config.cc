#include "package/kernels/bundle_config.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "package/kernels/bundle.h"
#include "package/version.h"
#include "runtime-min/kernels/kernels.h"

namespace mlc {
namespace {

constexpr std::size_t kMostVariants = 256;
constexpr std::size_t kMostFiles = 1024;
constexpr std::size_t kMostEntries = 1024;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 100 && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

class Parser {
 public:
  explicit Parser(const std::string& where) : where_(where) {}

  std::shared_ptr<const KernelBundle> parse(const Json& config) {
    auto bundle = std::make_shared<KernelBundle>();
    bundle->where = where_;
    const std::uint64_t schema = required(config, "schema", where_).as_size(where_ + ": schema");
    if (schema != 1)
      bad_input("{}: kernel bundle of schema {}, this program reads schema 1", where_, schema);
    bundle->name = name_of(config, "name", where_);
    const Json& version = required(config, "version", where_);
    bundle->version = version.as_string(where_ + ": version");
    if (!is_semantic_version(bundle->version))
      bad_input("{}: version \"{}\" is no semantic version, expected such as 1.4.0 (byte {})",
                where_, printable(bundle->version), version.offset());
    abi(*bundle, required(config, "abi", where_));
    variants(*bundle, required(config, "variants", where_));
    if (const Json* covers = config.find("covers")) bundle->covers = *covers;
    if (const Json* provenance = config.find("provenance")) bundle->provenance = *provenance;
    return bundle;
  }

 private:
  static const Json& required(const Json& object, std::string_view member,
                              const std::string& where) {
    if (!object.is_object())
      static_cast<void>(object.members(where));  // says what was found instead
    const Json* found = object.find(member);
    if (found == nullptr) bad_input("{}: there is no \"{}\"", where, member);
    return *found;
  }

  static std::string name_of(const Json& object, std::string_view member,
                             const std::string& where) {
    const Json& value = required(object, member, where);
    const std::string& name = value.as_string(fmt::format("{}: {}", where, member));
    if (!is_name(name))
      bad_input(
          "{}: {} \"{}\" is no name: letters, digits, '_', '-' and '.', at most 100 (byte {})",
          where, member, printable(name), value.offset());
    return name;
  }

  static std::uint32_t small(const Json& value, const std::string& what, std::uint64_t most) {
    const std::uint64_t number = value.as_size(what);
    if (number > most)
      bad_input("{}: {}, expected at most {} (byte {})", what, number, most, value.offset());
    return static_cast<std::uint32_t>(number);
  }

  void abi(KernelBundle& bundle, const Json& json) const {
    const std::string at = where_ + ": abi";
    bundle.abi_major = small(required(json, "major", at), at + ".major", 1U << 30);
    for (const Json& item : list(required(json, "entry", at), at + ".entry", kMostEntries)) {
      KernelAbi kernel;
      kernel.name = name_of(item, "name", at + ".entry");
      const std::string of = fmt::format("{}: kernel {}", at, kernel.name);
      if (bundle.find(kernel.name) != nullptr) bad_input("{} stands there twice", of);
      for (const Json& arg : list(required(item, "args", of), of + " args", 64)) {
        const std::string& text = arg.as_string(of + " args");
        if (text != "buf:r" && text != "buf:w")
          bad_input("{}: argument \"{}\", expected buf:r or buf:w (byte {})", of, printable(text),
                    arg.offset());
        kernel.args.push_back(text == "buf:w");
      }
      kernel.push = small(required(item, "push", of), of + " push", 65536);
      // Listed so that the table can be read; always 0, 1, 2, ...
      for (const Json& id : list(required(item, "spec", of), of + " spec", 64)) {
        if (id.as_size(of + " spec") != kernel.spec)
          bad_input("{}: spec lists {}, expected {} (byte {})", of, id.number_text(), kernel.spec,
                    id.offset());
        kernel.spec++;
      }
      bundle.abi.push_back(std::move(kernel));
    }
  }

  static const std::vector<Json>& list(const Json& json, const std::string& what,
                                       std::size_t most) {
    const std::vector<Json>& items = json.items(what);
    if (items.size() > most)
      bad_input("{}: {} of them, expected at most {}", what, items.size(), most);
    return items;
  }

  void variants(KernelBundle& bundle, const Json& json) const {
    std::set<std::string> apis, with_baseline;
    for (const Json& item : list(json, where_ + ": variants", kMostVariants)) {
      KernelVariant variant;
      variant.id = name_of(item, "id", where_ + ": variants");
      const std::string at = fmt::format("{}: variant {}", where_, variant.id);
      for (const KernelVariant& other : bundle.variants)
        if (other.id == variant.id) bad_input("{} stands there twice", at);
      variant.api = name_of(item, "api", at);
      if (const Json* priority = item.find("priority"))
        variant.priority = priority->as_int(at + ": priority");
      variant.needs = parse_requirements(required(item, "requires", at), at + ": requires");
      if (const Json* deny = item.find("deny"))
        for (const Json& entry : list(*deny, at + ": deny", 1024)) {
          static_cast<void>(entry.members(at + ": deny"));
          variant.deny.push_back(entry);
        }
      for (const Json& file_json : list(required(item, "files", at), at + ": files", kMostFiles)) {
        KernelFile file = this->file(bundle, file_json, at);
        if (variant.find(file.module) != nullptr)
          bad_input("{}: module {} stands there twice", at, file.module);
        variant.files.push_back(std::move(file));
      }
      apis.insert(variant.api);
      if (variant.is_baseline()) with_baseline.insert(variant.api);
      bundle.variants.push_back(std::move(variant));
    }
    if (bundle.variants.empty()) bad_input("{}: there are no variants", where_);
    for (const std::string& api : apis)
      if (with_baseline.count(api) == 0)
        bad_input("{}: no variant for {} is a baseline, which every device of it can run", where_,
                  api);
  }

  static KernelFile file(const KernelBundle& bundle, const Json& json, const std::string& at) {
    KernelFile file;
    file.module = name_of(json, "module", at + ": files");
    const std::string of = fmt::format("{}, module {}", at, file.module);
    if (const Json* entries = json.find("entries"))
      for (const Json& entry : list(*entries, of + ": entries", kMostEntries)) {
        file.entries.push_back(entry.as_string(of + ": entries"));
        if (bundle.find(file.entries.back()) == nullptr)
          bad_input("{}: it is to be kernel \"{}\", which abi lacks (byte {})", of,
                    printable(file.entries.back()), entry.offset());
      }
    const Json& digest = required(json, "digest", of);
    file.digest = Digest::parse(digest.as_string(of + ": digest"), of + ": digest");
    file.size = required(json, "size", of).as_size(of + ": size");
    if (file.size > kMaxModule)
      bad_input("{}: {} bytes, expected at most {}", of, file.size, kMaxModule);
    if (const Json* spec = json.find("spec"))
      for (const auto& [id, value] : spec->members(of + ": spec")) {
        const DottedVersion number = parse_dotted(id);
        if (!number.valid || number.numbers.size() != 1 || number.numbers[0] > 0xFFFFFFFF)
          bad_input("{}: spec \"{}\" is no number of a constant", of, printable(id));
        file.spec[static_cast<std::uint32_t>(number.numbers[0])] =
            small(value, of + ": spec", 0xFFFFFFFF);
      }
    return file;
  }

  const std::string& where_;
};

bool at_most(const Requirement& r, std::string_view version) {
  return compare(parse_dotted(r.value.as_string(r.name)), parse_dotted(version)) <= 0;
}

}  // namespace

bool KernelVariant::is_baseline() const {
  if (!deny.empty()) return false;
  return std::all_of(needs.begin(), needs.end(), [](const Requirement& r) {
    switch (r.kind) {
      case Requirement::Kind::kApiVersion:
        return at_most(r, "1.1");
      case Requirement::Kind::kSpirv:
        return at_most(r, "1.3");
      case Requirement::Kind::kOpenclC:
        return at_most(r, "1.2");
      case Requirement::Kind::kLimit:
        // Vulkan guarantees four; a kernel of the ABI has up to eight.
        return r.name == "maxPerStageDescriptorStorageBuffers" && r.op == ">=" &&
               r.value.is_int() && r.value.as_double(r.name) <= static_cast<double>(kMaxBuffers);
      default:
        return false;
    }
  });
}

const KernelFile* KernelVariant::find(std::string_view module) const {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const KernelFile& f) { return f.module == module; });
  return found == files.end() ? nullptr : &*found;
}

const KernelAbi* KernelBundle::find(std::string_view kernel) const {
  const auto found =
      std::find_if(abi.begin(), abi.end(), [&](const KernelAbi& k) { return k.name == kernel; });
  return found == abi.end() ? nullptr : &*found;
}

std::vector<KernelAbi> own_abi() {
  std::vector<KernelAbi> all;
  for (const KernelInfo& info : kKernels) {
    KernelAbi kernel{.name = std::string(info.name),
                     .args = {},
                     .push = (info.words - info.specialized) * 4,
                     .spec = info.specialized};
    for (std::uint32_t i = 0; i < info.buffers; i++)
      kernel.args.push_back((info.written >> i & 1) != 0);
    all.push_back(std::move(kernel));
  }
  std::sort(all.begin(), all.end(),
            [](const KernelAbi& a, const KernelAbi& b) { return a.name < b.name; });
  return all;
}

std::shared_ptr<const KernelBundle> parse_kernel_bundle(std::string_view config,
                                                        const std::string& where) {
  return Parser(where).parse(
      parse_json(config, where, {.max_bytes = kMaxConfig, .max_string = 65536}));
}

}  // namespace mlc
