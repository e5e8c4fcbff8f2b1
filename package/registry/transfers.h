// Several transfers at a time, each thread with a connection of its own.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "package/registry/client.h"

namespace mlc {

// Calls body(i, client) for every i in [0, n). The first to fail stops the others, also where they
// wait for the network, and its exception is the one that is thrown.
void run_transfers(const std::shared_ptr<RegistrySession>& session, unsigned connections,
                   std::size_t n,
                   const std::function<void(std::size_t index, RegistryClient& client)>& body);

}  // namespace mlc
