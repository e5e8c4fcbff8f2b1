// Ctrl-C for a program that is talked to.
#pragma once

#include <csignal>

namespace mlc {

// While it lives, SIGINT sets cancel_signal and interrupts a read, and may come again once
// cancel_signal was taken back. A second one before that ends the process, as if unhandled.
class InterruptHandler {
 public:
  InterruptHandler();
  ~InterruptHandler();
  InterruptHandler(const InterruptHandler&) = delete;
  InterruptHandler& operator=(const InterruptHandler&) = delete;

 private:
  struct sigaction before_ = {};
};

}  // namespace mlc
