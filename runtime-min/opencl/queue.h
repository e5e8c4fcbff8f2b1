// A command queue of one device, and waiting that comes to an end.
#pragma once

#include <chrono>
#include <string>

#include "runtime-min/opencl/api.h"

namespace mlc {

class OpenClQueue {
 public:
  OpenClQueue(cl_context context, cl_device_id device, bool profiling);

  cl_command_queue get() const { return queue_.get(); }

  // Starts what was enqueued and waits until `event` is complete. Error(kUnsupported) when that
  // takes longer than `limit`, or the device fails: then abandon_opencl() was called. `what` was
  // running. Ctrl-C ends the wait as well.
  void wait(cl_event event, std::chrono::seconds limit, const std::string& what) const;

 private:
  ClQueue queue_;
};

}  // namespace mlc
