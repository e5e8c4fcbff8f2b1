// The pickle of a torch checkpoint, parsed and never run.
//
// A pickle is a program for a stack machine that may call any function of Python. This parser knows
// the opcodes that make plain values, a fixed table of names, and for each name in it what a call
// means here: a dict, or a record of a tensor. Any other opcode or name is Error(kBadInput) that
// names it, wherever it stands; there is nothing that could execute it and no other way to read the
// file. The table: collections.OrderedDict; torch._utils._rebuild_tensor_v2, _rebuild_tensor_v3 and
// _rebuild_parameter; torch.*Storage and torch.<dtype> of base/dtype.h; torch.Size, torch.device,
// set, and _codecs.encode with two strings (how Python 3 writes bytes), whose results are ignored.
//
// Limits: 32 MiB, a million values and as many memo slots, a nesting of 16 between the root and a
// tensor, names of 4,096 bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace mlc {

inline constexpr std::uint64_t kMaxPickle = std::uint64_t{32} << 20;

struct PickledStorage {
  std::string key;             // names the entry data/KEY
  std::optional<DType> dtype;  // empty: untyped, numel counts bytes
  std::int64_t numel = 0;
};

struct PickledTensor {
  std::string name;         // keys joined with ".", list positions as "[i]"
  std::size_t storage = 0;  // into StateDict::storages
  DType dtype = DType::kF32;
  std::int64_t offset = 0;            // in elements
  std::vector<std::int64_t> shape;    // at most 8 dimensions
  std::vector<std::int64_t> strides;  // in elements, not negative; as many as dimensions
};

struct StateDict {
  std::vector<PickledStorage> storages;  // keys are unique
  // In the order of the dict; names are unique, UTF-8 without control characters. Every element
  // lies within the storage, and a tensor has at most as many elements as its storage.
  std::vector<PickledTensor> tensors;
};

// `where` names the pickle in messages. A root that is neither a dict nor a list, or that holds no
// tensor, is refused; None, numbers, strings and the like beside tensors are passed over.
StateDict parse_state_dict(std::string_view pickle, const std::string& where);

}  // namespace mlc
