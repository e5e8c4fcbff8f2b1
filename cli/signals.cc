#include "cli/signals.h"

#include <atomic>
#include <csignal>

#include "base/parallel.h"

namespace mlc {

// The handler may only touch lock-free atomics.
static_assert(std::atomic<int>::is_always_lock_free);

void install_signal_handlers() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { cancel_signal.store(signal); };
  // SA_RESETHAND: the next one takes the default action, for whoever does not want to wait.
  // SA_RESTART: reads and writes need not know about signals.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigemptyset(&action.sa_mask);
  for (int signal : {SIGINT, SIGTERM}) {
    // A process started in the background of a script has SIGINT ignored; that stays so.
    struct sigaction old = {};
    if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace mlc
