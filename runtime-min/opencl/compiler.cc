#include "runtime-min/opencl/compiler.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <span>
#include <system_error>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "runtime-min/opencl/source.h"

namespace mlc {
namespace {

constexpr std::size_t kLogLimit = 4000;
// Of a file in the cache: larger ones are not ours.
constexpr std::uint64_t kMaxCached = 64 << 20;

std::string sha256(std::string_view text) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(text)));
  return hex(hash.finish());
}

// Lines stay lines; everything else that a driver writes is shown safely.
std::string printable_log(std::string_view log) {
  std::string text;
  while (!log.empty() && text.size() < kLogLimit) {
    const std::size_t end = log.find('\n');
    text += "\n  " + printable(log.substr(0, end));
    log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
  }
  if (!log.empty()) text += "\n  ...";
  return text;
}

struct Compilation {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  cl_int code = CL_SUCCESS;
};

// A driver's compiler has no limit, and text from outside may keep it busy for ever: it runs on a
// thread of its own, which is left alone when its time is over.
cl_int build_within(std::chrono::seconds limit, cl_program program, cl_device_id device,
                    const std::string& options, const std::string& name) {
  auto compilation = std::make_shared<Compilation>();
  std::thread([compilation, program, device, options] {
    const cl_int code =
        opencl().clBuildProgram(program, 1, &device, options.c_str(), nullptr, nullptr);
    const std::scoped_lock lock(compilation->mutex);
    compilation->done = true;
    compilation->code = code;
    compilation->changed.notify_all();
  }).detach();
  const auto deadline = std::chrono::steady_clock::now() + limit;
  std::unique_lock lock(compilation->mutex);
  while (!compilation->done) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline || cancel_signal.load() != 0) {
      abandon_opencl();
      throw_if_cancelled();
      fail(ExitCode::kUnsupported, "opencl: the driver did not compile {} within {} s", name,
           limit.count());
    }
    compilation->changed.wait_until(lock, std::min(deadline, now + std::chrono::milliseconds(100)));
  }
  return compilation->code;
}

}  // namespace

OpenClCompiler::OpenClCompiler(cl_context context, const OpenClDeviceEntry& device,
                               const DeviceOptions& options)
    : context_(context),
      device_(device.id),
      identity_(device.identity),
      options_(device.options),
      cache_folder_(options.cache_folder),
      kernels_(options.kernels) {}

cl_program OpenClCompiler::program(const OpenClVariant& variant, const Words& words) {
  const std::string options = options_ + opencl_options(variant, words);
  ClProgram& kept = programs_[fmt::format("{} {}", variant.file, options)];
  if (kept == nullptr)
    kept = build(std::string(variant.name), opencl_source(variant.file, kernels_.get()), options);
  return kept.get();
}

ClProgram OpenClCompiler::build(const std::string& name, const std::string& source,
                                const std::string& options) {
  std::string path;
  if (!cache_folder_.empty()) {
    const std::string key = sha256(identity_ + '\n' + options + '\n' + source);
    path = fmt::format("{}/opencl-{}-{}.bin", cache_folder_, name, key.substr(0, 32));
    if (ClProgram cached = load(path, options)) return cached;
  }
  const char* text = source.c_str();
  const std::size_t size = source.size();
  cl_int code = CL_SUCCESS;
  ClProgram program(opencl().clCreateProgramWithSource(context_, 1, &text, &size, &code));
  check_opencl(code, "clCreateProgramWithSource");
  code = build_within(timeout_, program.get(), device_, options, name);
  if (code != CL_SUCCESS) {
    std::size_t log_size = 0;
    std::string log;
    if (opencl().clGetProgramBuildInfo(program.get(), device_, CL_PROGRAM_BUILD_LOG, 0, nullptr,
                                       &log_size) == CL_SUCCESS) {
      log.resize(log_size);
      opencl().clGetProgramBuildInfo(program.get(), device_, CL_PROGRAM_BUILD_LOG, log_size,
                                     log.data(), nullptr);
      log.resize(std::min(log.find('\0'), log.size()));
    }
    fail(ExitCode::kUnsupported, "opencl: the driver can't compile {} ({}): {}{}", name, options,
         opencl_error(code), printable_log(log));
  }
  if (!path.empty()) save(path, program.get());
  return program;
}

// A file of the cache is the SHA-256 of the binary in hexadecimal, a newline, and the binary. What
// is damaged, or refused by the driver, is as if it were not there.
ClProgram OpenClCompiler::load(const std::string& path, const std::string& options) {
  std::string content;
  try {
    content = read_file(path, kMaxCached);
  } catch (const Error&) {
    return nullptr;
  }
  constexpr std::size_t kHeader = 65;
  if (content.size() <= kHeader || content[kHeader - 1] != '\n') return nullptr;
  const std::string_view binary = std::string_view(content).substr(kHeader);
  if (std::string_view(content).substr(0, kHeader - 1) != sha256(binary)) return nullptr;
  const std::span<const unsigned char> bytes(
      static_cast<const unsigned char*>(static_cast<const void*>(binary.data())), binary.size());
  const unsigned char* data = bytes.data();
  const std::size_t size = bytes.size();
  cl_int status = CL_SUCCESS, code = CL_SUCCESS;
  ClProgram program(
      opencl().clCreateProgramWithBinary(context_, 1, &device_, &size, &data, &status, &code));
  if (code != CL_SUCCESS || status != CL_SUCCESS) return nullptr;
  code = opencl().clBuildProgram(program.get(), 1, &device_, options.c_str(), nullptr, nullptr);
  if (code != CL_SUCCESS) return nullptr;
  return program;
}

// The cache is a help, not a need: that it can't be written is no error.
void OpenClCompiler::save(const std::string& path, cl_program program) const {
  std::size_t size = 0;
  if (opencl().clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof(size), &size, nullptr) !=
          CL_SUCCESS ||
      size == 0 || size > kMaxCached)
    return;
  std::vector<unsigned char> binary(size);
  unsigned char* data = binary.data();
  if (opencl().clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof(data), &data, nullptr) !=
      CL_SUCCESS)
    return;
  const std::string bytes(binary.begin(), binary.end());
  std::error_code ignored;
  std::filesystem::create_directories(cache_folder_, ignored);
  try {
    write_file_atomically(path, sha256(bytes) + '\n' + bytes);
  } catch (const Error&) {
    return;
  }
}

}  // namespace mlc
