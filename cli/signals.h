// Ctrl-C and termination ask the program to stop; the loops of base/parallel.h notice.
#pragma once

namespace mlc {

// SIGINT and SIGTERM set cancel_signal. A second one ends the process at once, as if unhandled.
void install_signal_handlers();

}  // namespace mlc
