#include "runtime-min/opencl/queue.h"

#include <condition_variable>
#include <memory>
#include <mutex>

#include "base/error.h"
#include "base/parallel.h"

namespace mlc {
namespace {

// Between the driver's thread and the one that waits, which may have gone when the driver calls.
struct Completion {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  cl_int status = CL_QUEUED;
};

void CL_CALLBACK completed(cl_event /*event*/, cl_int status, void* data) {
  const std::unique_ptr<std::shared_ptr<Completion>> kept(
      static_cast<std::shared_ptr<Completion>*>(data));
  Completion& completion = **kept;
  const std::scoped_lock lock(completion.mutex);
  completion.done = true;
  completion.status = status;
  completion.changed.notify_all();
}

}  // namespace

OpenClQueue::OpenClQueue(cl_context context, cl_device_id device, bool profiling) {
  cl_int code = CL_SUCCESS;
  // In order: hazards need no events.
  const cl_command_queue_properties properties = profiling ? CL_QUEUE_PROFILING_ENABLE : 0;
  queue_.reset(opencl().clCreateCommandQueue(context, device, properties, &code));
  check_opencl(code, "clCreateCommandQueue");
}

void OpenClQueue::wait(cl_event event, std::chrono::seconds limit, const std::string& what) const {
  // Not clFinish or clWaitForEvents: these have no limit.
  auto completion = std::make_shared<Completion>();
  auto data = std::make_unique<std::shared_ptr<Completion>>(completion);
  check_opencl(opencl().clSetEventCallback(event, CL_COMPLETE, completed, data.get()),
               "clSetEventCallback");
  // The callback deletes it.
  static_cast<void>(data.release());
  check_opencl(opencl().clFlush(queue_.get()), "clFlush");
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::unique_lock lock(completion->mutex);
  while (!completion->done) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) {
      abandon_opencl();
      fail(ExitCode::kUnsupported, "opencl: no result after {} s, at {}", limit.count(), what);
    }
    if (cancel_signal.load() != 0) {
      abandon_opencl();
      throw_if_cancelled();
    }
    // Cancelling only sets a flag: it is looked at ten times a second.
    completion->changed.wait_until(lock, std::min(deadline, now + std::chrono::milliseconds(100)));
  }
  if (completion->status < 0) {
    abandon_opencl();
    fail(ExitCode::kUnsupported, "opencl: device lost at {}: {}", what,
         opencl_error(completion->status));
  }
}

}  // namespace mlc
