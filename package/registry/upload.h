// One blob into a registry.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "package/registry/client.h"

namespace mlc {

struct UploadSource {
  Descriptor blob;
  std::function<void(std::uint64_t offset, std::span<std::byte> out)> read;
  // Called when the registry says that the bytes have another digest: throws when they do.
  std::function<void()> check;
};

enum class Uploaded { kSent, kMounted };

// Mounted from another repository where that is possible; else sent in parts of 64 MiB. After an
// interruption the registry is asked how much it has, and the rest follows. In the end the registry
// is asked whether it has the blob. `advance` gets bytes that are sent for the first time.
Uploaded upload_blob(RegistryClient& client, const UploadSource& source,
                     const std::string& mount_from,
                     const std::function<void(std::uint64_t)>& advance);

// The bytes that a Range header of an upload says are there: "0-1023" (or "bytes=0-1023") is 1024.
// "0-0" counts as none, which docker-registry means by it.
std::optional<std::uint64_t> parse_upload_range(std::string_view text);

}  // namespace mlc
