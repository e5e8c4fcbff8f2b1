#include "package/kernels/spirv_scan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "base/error.h"
#include "package/kernels/spirv_words.h"

namespace mlc {
namespace {

// Opcodes and enumerants as the SPIR-V specification numbers them.
enum Op : std::uint32_t {
  kOpExtension = 10,
  kOpExtInstImport = 11,
  kOpEntryPoint = 15,
  kOpExecutionMode = 16,
  kOpCapability = 17,
  kOpFunction = 54,
  kOpVariable = 59,
  kOpDecorate = 71,
  kOpMemberDecorate = 72,
  kOpExecutionModeId = 331,
};
enum : std::uint32_t {
  kModelGlCompute = 5,
  kModeLocalSize = 17,
  kModeLocalSizeId = 38,
  kDecorationSpecId = 1,
  kDecorationBufferBlock = 3,
  kDecorationArrayStride = 6,
  kDecorationBuiltIn = 11,
  kDecorationNonWritable = 24,
  kDecorationBinding = 33,
  kDecorationDescriptorSet = 34,
  kDecorationOffset = 35,
  kBuiltInWorkgroupSize = 25,
  kClassUniformConstant = 0,
  kClassUniform = 2,
  kClassWorkgroup = 4,
  kClassPushConstant = 9,
  kClassStorageBuffer = 12,
};

class Scanner {
 public:
  Scanner(std::span<const std::uint32_t> words, const std::string& where, const SpecValues& values)
      : words_(words), where_(where), globals_(where, values) {}

  SpirvModule run() {
    header();
    for (std::size_t at = 5; at < words_.size();) {
      const std::uint32_t count = words_[at] >> 16, opcode = words_[at] & 0xFFFF;
      if (count == 0) bad_input("{}: the instruction at word {} has no length", where_, at);
      if (count > words_.size() - at)
        bad_input("{}: the instruction at word {} has {} words, {} are left", where_, at, count,
                  words_.size() - at);
      if (opcode == kOpFunction) in_functions_ = true;
      if (!in_functions_) global(opcode, Instruction(words_.subspan(at, count), at, where_));
      at += count;
    }
    finish();
    return std::move(module_);
  }

 private:
  void header() {
    module_.version = {words_[1] >> 16 & 0xFF, words_[1] >> 8 & 0xFF};
    if ((words_[1] & 0xFF0000FF) != 0 || module_.version.major != 1 || module_.version.minor > 6)
      bad_input("{}: version word {:#010x}, expected SPIR-V 1.0 to 1.6", where_, words_[1]);
    module_.generator = words_[2];
    module_.bound = words_[3];
    // The universal limit of the specification.
    constexpr std::uint32_t kMaxBound = 0x3FFFFF;
    if (module_.bound == 0 || module_.bound > kMaxBound)
      bad_input("{}: its bound is {}, expected 1 to {}", where_, module_.bound, kMaxBound);
    if (words_[4] != 0) bad_input("{}: schema {}, expected 0", where_, words_[4]);
    globals_.set_bound(module_.bound);
  }

  void global(std::uint32_t opcode, const Instruction& i) {
    switch (opcode) {
      case kOpCapability:
        return list(module_.capabilities, i.word(1), "capabilities");
      case kOpExtension:
        return list(module_.extensions, i.text(1), "extensions");
      case kOpExtInstImport:
        return list(module_.imports, i.text(2), "imports");
      case kOpEntryPoint:
        list(module_.entries, SpirvEntry{i.text(3), i.word(1) == kModelGlCompute, {}},
             "entry points");
        return entry_ids_.push_back(i.word(2));
      case kOpExecutionMode:
      case kOpExecutionModeId:
        if (i.word(2) == kModeLocalSize || i.word(2) == kModeLocalSizeId)
          sizes_[i.word(1)] = {i.word(2) == kModeLocalSizeId, {i.word(3), i.word(4), i.word(5)}};
        return;
      case kOpDecorate:
        return decorate(i);
      case kOpMemberDecorate:
        if (i.word(3) == kDecorationOffset) globals_.set_offset(i.word(1), i.word(2), i.word(4));
        if (i.word(3) == kDecorationNonWritable) globals_.set_member_readonly(i.word(1), i.word(2));
        return;
      case kOpVariable:
        return variable(i);
      default:
        globals_.define(opcode, i);
    }
  }

  template <class T>
  void list(std::vector<T>& all, T value, const char* what) {
    constexpr std::size_t kMost = 1024;
    if (all.size() == kMost) bad_input("{}: more than {} {}", where_, kMost, what);
    all.push_back(std::move(value));
  }

  void decorate(const Instruction& i) {
    const std::uint32_t target = i.word(1);
    switch (i.word(2)) {
      case kDecorationSpecId:
        list(module_.spec_ids, i.word(3), "specialization constants");
        return globals_.set_spec_id(target, i.word(3));
      case kDecorationArrayStride:
        return globals_.set_stride(target, i.word(3));
      case kDecorationBuiltIn:
        if (i.word(3) == kBuiltInWorkgroupSize) workgroup_size_ = target;
        return;
      case kDecorationBufferBlock:
        return globals_.set_buffer_block(target);
      case kDecorationNonWritable:
        marks(target).readonly = true;
        return;
      case kDecorationBinding:
        marks(target).binding = i.word(3);
        return;
      case kDecorationDescriptorSet:
        marks(target).set = i.word(3);
        return;
      default:
        return;
    }
  }

  void variable(const Instruction& i) {
    if (++variables_ > kMaxGlobals) bad_input("{}: more than {} variables", where_, kMaxGlobals);
    const std::uint32_t type = globals_.pointee(i.word(1));
    switch (i.word(3)) {
      case kClassWorkgroup:
        return shared_.push_back(type);
      case kClassPushConstant:
        module_.push_bytes = std::max(module_.push_bytes, globals_.laid_out_bytes(type));
        return;
      case kClassUniform:
      case kClassStorageBuffer:
      case kClassUniformConstant:
        return bind(i.word(2), i.word(3), type);
      default:
        return;
    }
  }

  void bind(std::uint32_t variable, std::uint32_t storage_class, std::uint32_t type) {
    const Marks& mark = marks(variable);
    SpirvBinding binding{.set = mark.set, .number = mark.binding};
    const std::uint32_t block = globals_.element(type);
    if (storage_class == kClassStorageBuffer || globals_.is_buffer_block(block)) {
      binding.kind = SpirvBinding::Kind::kStorage;
      binding.writable = !mark.readonly && !globals_.is_readonly(block);
    } else if (storage_class == kClassUniform) {
      binding.kind = SpirvBinding::Kind::kUniform;
    }
    auto same = std::find_if(module_.bindings.begin(), module_.bindings.end(),
                             [&](const SpirvBinding& other) {
                               return other.set == binding.set && other.number == binding.number;
                             });
    if (same == module_.bindings.end()) return list(module_.bindings, binding, "bindings");
    if (same->kind != binding.kind)
      bad_input("{}: binding {} of set {} has two kinds of variables", where_, binding.number,
                binding.set);
    same->writable = same->writable || binding.writable;
  }

  void finish() {
    for (std::size_t e = 0; e < module_.entries.size(); e++)
      module_.entries[e].local_size = local_size(entry_ids_[e]);
    std::sort(module_.spec_ids.begin(), module_.spec_ids.end());
    module_.spec_ids.erase(std::unique(module_.spec_ids.begin(), module_.spec_ids.end()),
                           module_.spec_ids.end());
    std::sort(module_.bindings.begin(), module_.bindings.end(),
              [](const SpirvBinding& a, const SpirvBinding& b) {
                return std::pair(a.set, a.number) < std::pair(b.set, b.number);
              });
    module_.shared_bytes = 0;
    for (std::uint32_t type : shared_) {
      const std::optional<std::uint64_t> bytes = globals_.bytes(type);
      std::uint64_t sum = 0;
      if (!bytes || __builtin_add_overflow(*module_.shared_bytes, *bytes, &sum)) {
        module_.shared_bytes.reset();
        return;
      }
      module_.shared_bytes = sum;
    }
  }

  std::optional<std::array<std::uint64_t, 3>> local_size(std::uint32_t entry) const {
    // The built-in goes before the mode.
    if (workgroup_size_ != 0)
      if (auto size = globals_.three(workgroup_size_)) return size;
    const auto found = sizes_.find(entry);
    if (found == sizes_.end() || workgroup_size_ != 0) return std::nullopt;
    std::array<std::uint64_t, 3> size = {};
    for (std::size_t d = 0; d < 3; d++) {
      const std::uint32_t word = found->second.words[d];
      const std::optional<std::uint64_t> value =
          found->second.ids ? globals_.value(word) : std::optional<std::uint64_t>(word);
      if (!value) return std::nullopt;
      size[d] = *value;
    }
    return size;
  }

  struct Marks {
    std::uint32_t set = 0, binding = 0;
    bool readonly = false;
  };
  Marks& marks(std::uint32_t id) {
    if (marks_.size() == kMaxGlobals && marks_.count(id) == 0)
      bad_input("{}: more than {} decorated variables", where_, kMaxGlobals);
    return marks_[id];
  }

  struct Size {
    bool ids;
    std::array<std::uint32_t, 3> words;
  };
  std::span<const std::uint32_t> words_;
  const std::string& where_;
  SpirvModule module_;
  SpirvGlobals globals_;
  bool in_functions_ = false;
  std::size_t variables_ = 0;
  std::vector<std::uint32_t> entry_ids_, shared_;
  std::map<std::uint32_t, Size> sizes_;
  std::unordered_map<std::uint32_t, Marks> marks_;
  std::uint32_t workgroup_size_ = 0;
};

}  // namespace

SpirvModule scan_spirv(std::span<const std::byte> bytes, const std::string& where,
                       const SpecValues& values) {
  constexpr std::uint32_t kMagic = 0x07230203, kSwapped = 0x03022307;
  if (bytes.size() > kMaxModule)
    bad_input("{}: {} bytes, a module has {} at most", where, bytes.size(), kMaxModule);
  if (bytes.size() % 4 != 0)
    bad_input("{}: {} bytes, no multiple of 4: no SPIR-V, or truncated", where, bytes.size());
  if (bytes.size() < 20)
    bad_input("{}: {} bytes, shorter than the header of SPIR-V", where, bytes.size());
  std::vector<std::uint32_t> words(bytes.size() / 4);
  std::memcpy(words.data(), bytes.data(), bytes.size());
  if (words[0] == kSwapped)
    bad_input("{}: SPIR-V of the other byte order (big-endian), expected little-endian", where);
  if (words[0] != kMagic)
    bad_input("{}: begins with {:#010x}, expected {:#010x} (SPIR-V)", where, words[0], kMagic);
  return Scanner(words, where, values).run();
}

}  // namespace mlc
