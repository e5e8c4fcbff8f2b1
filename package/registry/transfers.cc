#include "package/registry/transfers.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>
#include <vector>

#include "base/parallel.h"

namespace mlc {

void run_transfers(const std::shared_ptr<RegistrySession>& session, unsigned connections,
                   std::size_t n,
                   const std::function<void(std::size_t index, RegistryClient& client)>& body) {
  const unsigned threads =
      static_cast<unsigned>(std::min<std::size_t>(std::max(connections, 1u), n));
  if (threads == 0) return;
  std::vector<std::optional<RegistryClient>> clients(threads);
  std::mutex mutex;
  std::exception_ptr first;
  parallel_for(threads, n, [&](std::size_t i, unsigned worker) {
    if (session->stop) return;
    try {
      if (!clients[worker]) clients[worker].emplace(session);
      body(i, *clients[worker]);
    } catch (...) {
      std::scoped_lock lock(mutex);
      if (!first) first = std::current_exception();
      session->stop = true;
    }
  });
  session->stop = false;
  if (first) std::rethrow_exception(first);
}

}  // namespace mlc
