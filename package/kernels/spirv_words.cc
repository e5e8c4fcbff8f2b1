#include "package/kernels/spirv_words.h"

#include <algorithm>

#include "base/error.h"

namespace mlc {
namespace {

enum Op : std::uint32_t {
  kTypeBool = 20,
  kTypeInt = 21,
  kTypeFloat = 22,
  kTypeVector = 23,
  kTypeMatrix = 24,
  kTypeArray = 28,
  kTypeRuntimeArray = 29,
  kTypeStruct = 30,
  kTypePointer = 32,
  kConstantTrue = 41,
  kConstantFalse = 42,
  kConstant = 43,
  kConstantComposite = 44,
  kSpecConstantTrue = 48,
  kSpecConstantFalse = 49,
  kSpecConstant = 50,
  kSpecConstantComposite = 51,
  kSpecConstantOp = 52,
};

using Value = std::optional<std::uint64_t>;

Value product(Value a, Value b) {
  std::uint64_t result = 0;
  if (!a || !b || __builtin_mul_overflow(*a, *b, &result)) return std::nullopt;
  return result;
}
Value sum(Value a, Value b) {
  std::uint64_t result = 0;
  if (!a || !b || __builtin_add_overflow(*a, *b, &result)) return std::nullopt;
  return result;
}

// The operations that lengths are made of, in 32 bits as the modules have them.
Value computed(std::uint32_t opcode, std::uint32_t a, std::uint32_t b) {
  switch (opcode) {
    case 128:  // IAdd
      return a + b;
    case 130:  // ISub
      return a - b;
    case 132:  // IMul
      return a * b;
    case 134:  // UDiv
      return b == 0 ? Value() : a / b;
    case 137:  // UMod
      return b == 0 ? Value() : a % b;
    case 166:  // LogicalOr
      return (a != 0 || b != 0) ? 1U : 0U;
    case 167:  // LogicalAnd
      return (a != 0 && b != 0) ? 1U : 0U;
    case 170:  // IEqual
      return a == b ? 1U : 0U;
    case 171:  // INotEqual
      return a != b ? 1U : 0U;
    case 172:  // UGreaterThan
      return a > b ? 1U : 0U;
    case 174:  // UGreaterThanEqual
      return a >= b ? 1U : 0U;
    case 176:  // ULessThan
      return a < b ? 1U : 0U;
    case 178:  // ULessThanEqual
      return a <= b ? 1U : 0U;
    case 194:  // ShiftRightLogical
      return b > 31 ? Value() : a >> b;
    case 196:  // ShiftLeftLogical
      return b > 31 ? Value() : a << b;
    case 197:  // BitwiseOr
      return a | b;
    case 199:  // BitwiseAnd
      return a & b;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::uint32_t Instruction::word(std::size_t index) const {
  if (index >= words_.size())
    bad_input("{}: the instruction at word {} has {} words, expected {} at least", where_, at_,
              words_.size(), index + 1);
  return words_[index];
}

std::string Instruction::text(std::size_t index) const {
  std::string text;
  for (; index < words_.size(); index++)
    for (unsigned shift = 0; shift < 32; shift += 8) {
      const char c = static_cast<char>(words_[index] >> shift & 0xFF);
      if (c == '\0') return text;
      text += c;
    }
  bad_input("{}: the text in the instruction at word {} does not end", where_, at_);
}

void SpirvGlobals::too_many() const {
  bad_input("{}: more than {} types, constants or decorations", where_, kMaxGlobals);
}

void SpirvGlobals::put(Numbers& map, std::uint32_t id, std::uint32_t value) {
  if (map.size() >= kMaxGlobals) too_many();
  map[id] = value;
}

void SpirvGlobals::set_offset(std::uint32_t type, std::uint32_t member, std::uint32_t offset) {
  if (offsets_.size() >= kMaxGlobals) too_many();
  offsets_[{type, member}] = offset;
}

void SpirvGlobals::set_member_readonly(std::uint32_t type, std::uint32_t member) {
  if (readonly_.size() >= kMaxGlobals) too_many();
  readonly_[{type, member}] = true;
}

void SpirvGlobals::add(std::uint32_t id, Type type) {
  if (types_.size() >= kMaxGlobals) too_many();
  if (id == 0 || id >= bound_)
    bad_input("{}: type %{} is not below the bound {}", where_, id, bound_);
  if (!types_.emplace(id, type).second) bad_input("{}: %{} is defined twice", where_, id);
}

void SpirvGlobals::add_value(std::uint32_t id, Value value) {
  if (constants_.size() >= kMaxGlobals) too_many();
  if (id == 0 || id >= bound_)
    bad_input("{}: constant %{} is not below the bound {}", where_, id, bound_);
  if (!constants_.emplace(id, value).second) bad_input("{}: %{} is defined twice", where_, id);
}

const SpirvGlobals::Type* SpirvGlobals::find(std::uint32_t id) const {
  const auto found = types_.find(id);
  return found == types_.end() ? nullptr : &found->second;
}

void SpirvGlobals::define(std::uint32_t opcode, const Instruction& i) {
  const auto scalar = [&](std::uint32_t bits) {
    widths_[i.word(1)] = bits;
    add(i.word(1), {.kind = Kind::kScalar, .bytes = bits / 8, .laid_out = bits / 8});
  };
  switch (opcode) {
    case kTypeBool:
      return scalar(32);
    case kTypeInt:
    case kTypeFloat:
      return scalar(i.word(2));
    case kTypeVector:
    case kTypeMatrix: {
      const Value size = product(bytes(i.word(2)), i.word(3));
      return add(i.word(1), {.kind = Kind::kScalar, .bytes = size, .laid_out = size});
    }
    case kTypeArray:
      return array(i, false);
    case kTypeRuntimeArray:
      return array(i, true);
    case kTypeStruct:
      return structure(i);
    case kTypePointer:
      return add(i.word(1), {.kind = Kind::kPointer, .of = i.word(3), .bytes = {}, .laid_out = {}});
    case kConstantTrue:
    case kConstantFalse:
      return add_value(i.word(2), opcode == kConstantTrue ? 1U : 0U);
    case kConstant:
      return constant(i, false);
    case kSpecConstant:
      return constant(i, true);
    case kSpecConstantTrue:
    case kSpecConstantFalse: {
      const auto spec = spec_ids_.find(i.word(2));
      const auto given = spec == spec_ids_.end() ? values_.end() : values_.find(spec->second);
      return add_value(i.word(2), given != values_.end()        ? (given->second != 0 ? 1U : 0U)
                                  : opcode == kSpecConstantTrue ? 1U
                                                                : 0U);
    }
    case kConstantComposite:
    case kSpecConstantComposite:
      return composite(i);
    case kSpecConstantOp:
      return add_value(i.word(2), operation(i));
    default:
      return;
  }
}

void SpirvGlobals::array(const Instruction& i, bool runtime) {
  const std::uint32_t id = i.word(1), of = i.word(2);
  const Value length = runtime ? Value() : value(i.word(3));
  const auto stride = strides_.find(id);
  const Type* inner = find(of);
  const Value step = stride != strides_.end() ? Value(stride->second)
                     : inner == nullptr       ? Value()
                                              : inner->laid_out;
  add(id, {.kind = Kind::kArray,
           .of = element(of),
           .bytes = product(bytes(of), length),
           .laid_out = product(step, length)});
}

void SpirvGlobals::structure(const Instruction& i) {
  const std::uint32_t id = i.word(1);
  Type type{.kind = Kind::kStruct, .readonly = i.size() > 2, .bytes = 0, .laid_out = 0};
  for (std::size_t m = 2; m < i.size(); m++) {
    const auto member = static_cast<std::uint32_t>(m - 2);
    const Type* of = find(i.word(m));
    type.readonly = type.readonly && readonly_.count({id, member}) != 0;
    type.bytes = sum(type.bytes, of == nullptr ? Value() : of->bytes);
    const auto offset = offsets_.find({id, member});
    const Value end = sum(offset == offsets_.end() ? type.laid_out : Value(offset->second),
                          of == nullptr ? Value() : of->laid_out);
    type.laid_out = end && type.laid_out ? Value(std::max(*end, *type.laid_out)) : Value();
  }
  add(id, type);
}

void SpirvGlobals::constant(const Instruction& i, bool specialized) {
  const auto width = widths_.find(i.word(1));
  // Of wider ones nothing is made here.
  Value value = width != widths_.end() && width->second <= 32 ? Value(i.word(3)) : Value();
  if (specialized) {
    const auto spec = spec_ids_.find(i.word(2));
    const auto given = spec == spec_ids_.end() ? values_.end() : values_.find(spec->second);
    if (given != values_.end()) value = given->second;
  }
  add_value(i.word(2), value);
}

void SpirvGlobals::composite(const Instruction& i) {
  if (i.size() == 6) {
    if (triples_.size() >= kMaxGlobals) too_many();
    triples_[i.word(2)] = {i.word(3), i.word(4), i.word(5)};
  }
}

Value SpirvGlobals::operation(const Instruction& i) const {
  constexpr std::uint32_t kCompositeExtract = 81, kLogicalNot = 168, kSelect = 169;
  const std::uint32_t opcode = i.word(3);
  if (opcode == kCompositeExtract) {
    const auto found = triples_.find(i.word(4));
    if (i.size() != 6 || found == triples_.end() || i.word(5) > 2) return std::nullopt;
    return value(found->second[i.word(5)]);
  }
  const Value a = i.size() > 4 ? value(i.word(4)) : Value();
  if (!a) return std::nullopt;
  if (opcode == kLogicalNot) return *a == 0 ? 1U : 0U;
  if (i.size() < 6) return std::nullopt;
  if (opcode == kSelect) return i.size() < 7 ? Value() : value(i.word(*a != 0 ? 5 : 6));
  const Value b = value(i.word(5));
  if (!b || *a > 0xFFFFFFFF || *b > 0xFFFFFFFF) return std::nullopt;
  return computed(opcode, static_cast<std::uint32_t>(*a), static_cast<std::uint32_t>(*b));
}

std::uint32_t SpirvGlobals::pointee(std::uint32_t pointer) const {
  const Type* type = find(pointer);
  if (type == nullptr || type->kind != Kind::kPointer)
    bad_input("{}: a variable's type %{} is no pointer", where_, pointer);
  return type->of;
}

std::uint32_t SpirvGlobals::element(std::uint32_t type) const {
  const Type* found = find(type);
  return found != nullptr && found->kind == Kind::kArray ? found->of : type;
}

bool SpirvGlobals::is_readonly(std::uint32_t type) const {
  const Type* found = find(type);
  return found != nullptr && found->readonly;
}

Value SpirvGlobals::bytes(std::uint32_t type) const {
  const Type* found = find(type);
  return found == nullptr ? Value() : found->bytes;
}

std::uint64_t SpirvGlobals::laid_out_bytes(std::uint32_t type) const {
  const Type* found = find(type);
  if (found == nullptr || !found->laid_out)
    bad_input("{}: its push constants have no fixed size", where_);
  return *found->laid_out;
}

Value SpirvGlobals::value(std::uint32_t constant) const {
  const auto found = constants_.find(constant);
  return found == constants_.end() ? Value() : found->second;
}

std::optional<std::array<std::uint64_t, 3>> SpirvGlobals::three(std::uint32_t composite) const {
  const auto found = triples_.find(composite);
  if (found == triples_.end()) return std::nullopt;
  std::array<std::uint64_t, 3> result = {};
  for (std::size_t d = 0; d < 3; d++) {
    const Value v = value(found->second[d]);
    if (!v) return std::nullopt;
    result[d] = *v;
  }
  return result;
}

}  // namespace mlc
