// What the names in a torch pickle mean, and what a call of one gives.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "convert/pickle_value.h"
#include "convert/torch_pickle.h"

namespace mlc {

// What the parser has built so far.
struct PickleState {
  std::string where;
  std::vector<PickleValue> values;
  StateDict found;  // tensors without names until name_tensors()
  std::unordered_map<std::string, std::size_t> storage_ids;  // by key
};

// The row of the fixed table; empty for any other name.
std::optional<PickleValue> torch_global(std::string_view module, std::string_view name);

// Both give the value that the call or the persistent id stands for. Error(kBadInput) says what is
// wrong with the arguments.
PickleValue call_torch_global(PickleState& state, PickleId function, PickleId arguments);
PickleValue torch_storage(PickleState& state, PickleId id);

// Names of the tensors below `root`, in order; fills state.found.tensors with them alone.
void name_tensors(PickleState& state, PickleId root);

}  // namespace mlc
