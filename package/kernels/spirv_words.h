// Parts of the scanner: one instruction, and the types and constants that stand before the
// functions.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "package/kernels/spirv_scan.h"

namespace mlc {

// Types, constants and decorated things; real kernels have a few hundred.
inline constexpr std::size_t kMaxGlobals = std::size_t{1} << 16;

class Instruction {
 public:
  Instruction(std::span<const std::uint32_t> words, std::size_t at, const std::string& where)
      : words_(words), at_(at), where_(where) {}
  std::size_t size() const { return words_.size(); }
  // Word 0 is the opcode. Error(kBadInput) beyond the end.
  std::uint32_t word(std::size_t index) const;
  // A text that begins with this word.
  std::string text(std::size_t index) const;

 private:
  std::span<const std::uint32_t> words_;
  std::size_t at_;
  const std::string& where_;
};

class SpirvGlobals {
 public:
  SpirvGlobals(const std::string& where, const SpecValues& values)
      : where_(where), values_(values) {}
  void set_bound(std::uint32_t bound) { bound_ = bound; }

  // Types and constants; any other instruction means nothing here. Operands have to be defined
  // before, so that sizes need no recursion.
  void define(std::uint32_t opcode, const Instruction& i);

  // Decorations, which stand before what they name.
  void set_spec_id(std::uint32_t id, std::uint32_t spec) { put(spec_ids_, id, spec); }
  void set_stride(std::uint32_t id, std::uint32_t stride) { put(strides_, id, stride); }
  void set_buffer_block(std::uint32_t id) { put(buffer_blocks_, id, 1); }
  void set_offset(std::uint32_t type, std::uint32_t member, std::uint32_t offset);
  void set_member_readonly(std::uint32_t type, std::uint32_t member);

  std::uint32_t pointee(std::uint32_t pointer) const;  // Error(kBadInput): no pointer type
  std::uint32_t element(std::uint32_t type) const;     // of an array of any depth; else itself
  bool is_buffer_block(std::uint32_t type) const { return buffer_blocks_.count(type) != 0; }
  bool is_readonly(std::uint32_t type) const;  // a struct all of whose members are
  // Without padding; nothing where a length is not known or the sum is beyond 64 bits.
  std::optional<std::uint64_t> bytes(std::uint32_t type) const;
  // By the offsets of members and the strides of arrays. Error(kBadInput) where it has no size.
  std::uint64_t laid_out_bytes(std::uint32_t type) const;
  std::optional<std::uint64_t> value(std::uint32_t constant) const;
  std::optional<std::array<std::uint64_t, 3>> three(std::uint32_t composite) const;

 private:
  enum class Kind : std::uint8_t { kScalar, kArray, kStruct, kPointer, kOther };
  struct Type {
    Kind kind = Kind::kOther;
    std::uint32_t of = 0;                   // the innermost element, or what a pointer points to
    bool readonly = false;                  // a struct all of whose members are
    std::optional<std::uint64_t> bytes;     // packed
    std::optional<std::uint64_t> laid_out;  // by offsets and strides
  };
  using Numbers = std::unordered_map<std::uint32_t, std::uint32_t>;

  void put(Numbers& map, std::uint32_t id, std::uint32_t value);
  void add(std::uint32_t id, Type type);
  void add_value(std::uint32_t id, std::optional<std::uint64_t> value);
  const Type* find(std::uint32_t id) const;
  void array(const Instruction& i, bool runtime);
  void structure(const Instruction& i);
  void constant(const Instruction& i, bool specialized);
  void composite(const Instruction& i);
  std::optional<std::uint64_t> operation(const Instruction& i) const;
  [[noreturn]] void too_many() const;

  const std::string& where_;
  const SpecValues& values_;
  std::uint32_t bound_ = 0;
  std::unordered_map<std::uint32_t, Type> types_;
  std::unordered_map<std::uint32_t, std::optional<std::uint64_t>> constants_;
  std::unordered_map<std::uint32_t, std::array<std::uint32_t, 3>> triples_;
  std::unordered_map<std::uint32_t, std::uint32_t> widths_;  // of scalar types, in bits
  Numbers spec_ids_, strides_, buffer_blocks_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> offsets_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, bool> readonly_;
};

}  // namespace mlc
