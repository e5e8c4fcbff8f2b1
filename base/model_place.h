// Where a command takes a folder, it takes an address as well.
#pragma once

namespace mlc {

// What a command will read of an address; a hub is asked for nothing else.
enum class Fetch {
  kCheckpoint,  // config, tokenizer, and the weights in the one format that convert_weight prefers
  kConfig,      // config and tokenizer
  kAll,
  kPackage,  // all; a package of a registry as LAYOUT:TAG, not unpacked
};

}  // namespace mlc
