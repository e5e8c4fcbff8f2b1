#include "convert/torch_calls.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"

namespace mlc {
namespace {

using Kind = PickleKind;
using Global = PickleGlobal;

constexpr std::size_t kMaxDims = 8;
constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxName = 4096;
// A value that several others refer to is walked once for each: names and time need limits of
// their own.
constexpr std::uint64_t kMaxVisits = 1'000'000;
constexpr std::size_t kMaxNames = std::size_t{64} << 20;  // bytes of all names

struct Row {
  std::string_view module, name;
  Global global;
};
constexpr Row kGlobals[] = {
    {"collections", "OrderedDict", Global::kOrderedDict},
    {"torch._utils", "_rebuild_tensor_v2", Global::kRebuildTensorV2},
    {"torch._utils", "_rebuild_tensor_v3", Global::kRebuildTensorV3},
    {"torch._utils", "_rebuild_parameter", Global::kRebuildParameter},
    {"torch.storage", "UntypedStorage", Global::kUntypedStorage},
    {"torch", "Size", Global::kSize},
    {"torch", "device", Global::kDevice},
    {"builtins", "set", Global::kSet},
    {"__builtin__", "set", Global::kSet},
    {"_codecs", "encode", Global::kEncode},
};

PickleValue global_value(Global global, DType dtype = DType::kF32) {
  return {.kind = Kind::kGlobal, .dtype = dtype, .number = static_cast<std::int64_t>(global)};
}

bool is(const PickleValue& v, Global global) {
  return v.kind == Kind::kGlobal && v.number == static_cast<std::int64_t>(global);
}

// The arguments of one call; what is wrong with them is Error without a place, which the caller
// adds.
class Arguments {
 public:
  Arguments(const PickleState& state, PickleId tuple, std::string_view call)
      : state_(state), items_(state.values[tuple].items), call_(call) {
    if (state.values[tuple].kind != Kind::kTuple) refuse("arguments that are not a tuple");
  }

  void expect(std::size_t least, std::size_t most) const {
    if (items_.size() < least || items_.size() > most)
      refuse("{} arguments, expected {}", items_.size(), least);
  }
  std::size_t size() const { return items_.size(); }

  const PickleValue& at(std::size_t i, Kind kind, std::string_view expected) const {
    const PickleValue& v = state_.values[items_[i]];
    if (v.kind != kind) refuse("argument {} must be {}", i + 1, expected);
    return v;
  }
  std::int64_t integer(std::size_t i) const { return at(i, Kind::kInt, "an integer").number; }

  std::vector<std::int64_t> integers(std::size_t i) const {
    std::vector<std::int64_t> result;
    for (PickleId id : at(i, Kind::kTuple, "a tuple of integers").items) {
      const PickleValue& v = state_.values[id];
      if (v.kind != Kind::kInt || v.number < 0)
        refuse("argument {} must be a tuple of integers that are not negative", i + 1);
      if (result.size() == kMaxDims) refuse("more than {} dimensions", kMaxDims);
      result.push_back(v.number);
    }
    return result;
  }

  // Flags and hooks that change values must not be there.
  void expect_empty_dict(std::size_t i) const {
    const PickleValue& v = state_.values[items_[i]];
    if (v.kind == Kind::kNone) return;
    if (!at(i, Kind::kDict, "an empty dict").items.empty())
      refuse("argument {} (hooks, or flags such as conj and neg) must be empty", i + 1);
  }

  template <class... A>
  [[noreturn]] void refuse(fmt::format_string<A...> format, A&&... args) const {
    bad_input("{}: {}", call_, fmt::format(format, std::forward<A>(args)...));
  }

 private:
  const PickleState& state_;
  const std::vector<PickleId>& items_;
  std::string_view call_;
};

// Every element lies in the storage, and the tensor is no larger than it: torch allows views that
// repeat an element without bound.
void check_view(const Arguments& call, const PickledTensor& t, std::int64_t numel) {
  if (t.shape.size() != t.strides.size())
    call.refuse("{} sizes, but {} strides", t.shape.size(), t.strides.size());
  std::int64_t elements = 1, last = t.offset;
  bool overflow = t.offset < 0;
  bool empty = std::find(t.shape.begin(), t.shape.end(), 0) != t.shape.end();
  for (std::size_t i = 0; i < t.shape.size(); i++) {
    std::int64_t span = 0;
    if (t.shape[i] != 0) overflow |= __builtin_mul_overflow(elements, t.shape[i], &elements);
    if (empty) continue;
    overflow |= __builtin_mul_overflow(t.shape[i] - 1, t.strides[i], &span);
    overflow |= __builtin_add_overflow(last, span, &last);
  }
  if (overflow) call.refuse("sizes, strides and offset beyond 64 bits, or an offset below 0");
  if (empty ? last > numel : last >= numel)
    call.refuse("view reaches element {} of a storage of {}", last, numel);
  if (!empty && elements > numel)
    call.refuse("expanded view of {} elements on a storage of {}", elements, numel);
}

PickleValue rebuild_tensor(PickleState& state, PickleId arguments, bool typed) {
  Arguments call(state, arguments, typed ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
  if (typed)
    call.expect(6, 7);
  else
    call.expect(7, 8);
  PickledTensor t;
  t.storage = static_cast<std::size_t>(call.at(0, Kind::kStorage, "a storage").number);
  t.offset = call.integer(1);
  t.shape = call.integers(2);
  t.strides = call.integers(3);
  call.at(4, Kind::kBool, "a flag");
  call.expect_empty_dict(5);
  const PickledStorage& storage = state.found.storages[t.storage];
  std::int64_t numel = storage.numel;
  if (typed) {
    if (!storage.dtype) call.refuse("storage without element type");
    t.dtype = *storage.dtype;
  } else {
    const PickleValue& dtype = call.at(6, Kind::kGlobal, "an element type");
    if (!is(dtype, Global::kDType)) call.refuse("argument 7 must be an element type");
    t.dtype = dtype.dtype;
    if (storage.dtype && *storage.dtype != t.dtype)
      call.refuse("{} on a storage of {}", name_of(t.dtype), name_of(*storage.dtype));
    if (!storage.dtype) numel /= static_cast<std::int64_t>(size_of(t.dtype));
  }
  std::size_t metadata = typed ? 6 : 7;
  if (call.size() > metadata) call.expect_empty_dict(metadata);
  check_view(call, t, numel);
  state.found.tensors.push_back(std::move(t));
  return {.kind = Kind::kTensor,
          .number = static_cast<std::int64_t>(state.found.tensors.size() - 1)};
}

bool valid_name(std::string_view name) {
  for (char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  // printable() escapes what is not UTF-8, and nothing else is left to escape.
  return printable(name, kMaxName) == name;
}

// Walks the values below the root, depth first, without recursion.
class Namer {
 public:
  explicit Namer(PickleState& state) : state_(state) {}

  void walk(PickleId root) {
    enter(root, "");
    while (!path_.empty()) {
      Place& place = path_.back();
      const PickleValue& v = state_.values[place.id];
      if (place.next >= v.items.size()) {
        path_.pop_back();
        continue;
      }
      if (v.kind == Kind::kDict) {
        std::string name = place.name + (place.name.empty() ? "" : ".") + key(v.items[place.next]);
        PickleId item = v.items[place.next + 1];
        place.next += 2;
        visit(item, name);
      } else {
        std::string name = fmt::format("{}[{}]", place.name, place.next);
        PickleId item = v.items[place.next++];
        visit(item, name);
      }
    }
    if (found_.empty()) bad_input("{}: no tensors in it", state_.where);
    state_.found.tensors = std::move(found_);
  }

 private:
  struct Place {
    PickleId id;
    std::string name;
    std::size_t next = 0;
  };

  std::string key(PickleId id) const {
    const PickleValue& v = state_.values[id];
    return v.kind == Kind::kInt ? std::to_string(v.number) : std::string(v.text);
  }

  void enter(PickleId id, const std::string& name) {
    if (path_.size() >= kMaxDepth)
      bad_input("{}: nested more than {} deep, or in itself", state_.where, kMaxDepth);
    if (name.size() > kMaxName)
      bad_input("{}: name '{}' has {} bytes, expected at most {}", state_.where, printable(name),
                name.size(), kMaxName);
    path_.push_back({id, name});
    if (path_.size() > 1) return;
    Kind kind = state_.values[id].kind;
    if (kind != Kind::kDict && kind != Kind::kList)
      bad_input("{}: the root is neither a dict nor a list; expected a state dict", state_.where);
  }

  void visit(PickleId id, const std::string& name) {
    if (++visits_ > kMaxVisits)
      bad_input("{}: more than {} values in it", state_.where, kMaxVisits);
    const PickleValue& v = state_.values[id];
    if (v.kind == Kind::kDict || v.kind == Kind::kList || v.kind == Kind::kTuple) {
      if (!v.items.empty()) enter(id, name);
    } else if (v.kind == Kind::kTensor) {
      if (name.size() > kMaxName || !valid_name(name))
        bad_input("{}: tensor '{}': expected a name of UTF-8 without control characters",
                  state_.where, printable(name));
      if (!names_.insert(name).second)
        bad_input("{}: two tensors '{}'", state_.where, printable(name));
      name_bytes_ += name.size();
      if (name_bytes_ > kMaxNames)
        bad_input("{}: names of more than {} bytes", state_.where, kMaxNames);
      found_.push_back(state_.found.tensors[static_cast<std::size_t>(v.number)]);
      found_.back().name = name;
    }
  }

  PickleState& state_;
  std::vector<Place> path_;
  std::uint64_t visits_ = 0;
  std::size_t name_bytes_ = 0;
  std::unordered_set<std::string> names_;
  std::vector<PickledTensor> found_;
};

}  // namespace

std::optional<PickleValue> torch_global(std::string_view module, std::string_view name) {
  for (const Row& row : kGlobals)
    if (row.module == module && row.name == name) return global_value(row.global);
  if (module != "torch") return std::nullopt;
  for (const DTypeInfo& d : dtypes()) {
    if (!d.torch.empty() && d.torch == name) return global_value(Global::kStorageType, d.dtype);
    if (d.name == name) return global_value(Global::kDType, d.dtype);
  }
  return std::nullopt;
}

PickleValue call_torch_global(PickleState& state, PickleId function, PickleId arguments) {
  const PickleValue& f = state.values[function];
  if (f.kind != Kind::kGlobal) bad_input("call of a value that is no function");
  switch (static_cast<Global>(f.number)) {
    case Global::kOrderedDict:
      Arguments(state, arguments, "OrderedDict").expect(0, 0);
      return {.kind = Kind::kDict};
    case Global::kRebuildTensorV2:
      return rebuild_tensor(state, arguments, true);
    case Global::kRebuildTensorV3:
      return rebuild_tensor(state, arguments, false);
    case Global::kRebuildParameter: {
      Arguments call(state, arguments, "_rebuild_parameter");
      call.expect(3, 3);
      call.at(1, Kind::kBool, "a flag");
      call.expect_empty_dict(2);
      return call.at(0, Kind::kTensor, "a tensor");
    }
    case Global::kSize: {
      Arguments call(state, arguments, "torch.Size");
      call.expect(1, 1);
      call.integers(0);
      return {.kind = Kind::kIgnored};
    }
    case Global::kDevice: {
      Arguments call(state, arguments, "torch.device");
      call.expect(1, 2);
      call.at(0, Kind::kString, "text");
      return {.kind = Kind::kIgnored};
    }
    case Global::kSet: {
      Arguments call(state, arguments, "set");
      call.expect(1, 1);
      call.at(0, Kind::kList, "a list");
      return {.kind = Kind::kIgnored};
    }
    case Global::kEncode: {
      Arguments call(state, arguments, "_codecs.encode");
      call.expect(2, 2);
      call.at(0, Kind::kString, "text");
      if (call.at(1, Kind::kString, "text").text != "latin1")
        call.refuse("argument 2 must be 'latin1', as Python writes bytes");
      return {.kind = Kind::kIgnored};
    }
    case Global::kStorageType:
    case Global::kUntypedStorage:
    case Global::kDType:
      break;
  }
  bad_input("call of an element or storage type");
}

PickleValue torch_storage(PickleState& state, PickleId id) {
  Arguments call(state, id, "persistent id");
  call.expect(5, 5);
  if (call.at(0, Kind::kString, "'storage'").text != "storage")
    call.refuse("argument 1 must be 'storage'");
  const PickleValue& type = call.at(1, Kind::kGlobal, "a storage type");
  bool untyped = is(type, Global::kUntypedStorage);
  if (!untyped && !is(type, Global::kStorageType)) call.refuse("argument 2 must be a storage type");
  PickledStorage storage;
  storage.key = std::string(call.at(2, Kind::kString, "text").text);
  call.at(3, Kind::kString, "text");  // the device it was on
  storage.numel = call.integer(4);
  if (!untyped) storage.dtype = type.dtype;
  if (storage.numel < 0) call.refuse("{} elements", storage.numel);
  auto [known, fresh] = state.storage_ids.emplace(storage.key, state.found.storages.size());
  if (fresh) {
    state.found.storages.push_back(std::move(storage));
  } else {
    const PickledStorage& first = state.found.storages[known->second];
    if (first.dtype != storage.dtype || first.numel != storage.numel)
      call.refuse("storage '{}' has two types or sizes", printable(storage.key));
  }
  return {.kind = Kind::kStorage, .number = static_cast<std::int64_t>(known->second)};
}

void name_tensors(PickleState& state, PickleId root) { Namer(state).walk(root); }

}  // namespace mlc
