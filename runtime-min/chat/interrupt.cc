#include "runtime-min/chat/interrupt.h"

#include "base/parallel.h"

namespace mlc {

InterruptHandler::InterruptHandler() {
  struct sigaction action = {};
  // Only what may be called within a handler: lock-free atomics, signal and raise.
  action.sa_handler = [](int signal) {
    if (cancel_signal.exchange(signal) == 0) return;
    static_cast<void>(std::signal(signal, SIG_DFL));
    static_cast<void>(std::raise(signal));
  };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_);
}

InterruptHandler::~InterruptHandler() { sigaction(SIGINT, &before_, nullptr); }

}  // namespace mlc
