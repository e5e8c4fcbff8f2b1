// The matrix-vector products of matvec_bench, done by ggml's CPU backend: GB/s of Q4_0 blocks (4.5
// bits for each weight, as q4f16 has), the best of many runs. Not built by CMake: peer_llama_cpp.py
// compiles it against the headers and libraries of llama.cpp.
//
//   peer_ggml LIBRARIES THREADS    LIBRARIES: the folder of libggml-cpu-*.so
//
// One JSON object on each line. "repacked": in the layout that llama.cpp gives such weights when it
// loads a model, where the backend has one for this processor.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "peer_ggml: %s\n", what);
  std::exit(1);
}

template <class Function>
Function function_of(ggml_backend_dev_t device, const char* name) {
  void* found = ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), name);
  if (found == nullptr) fail(name);
  return reinterpret_cast<Function>(found);
}

// Null where there is none.
ggml_backend_buffer_type_t repacking_buffer(ggml_backend_dev_t device) {
  const auto others = function_of<ggml_backend_dev_get_extra_bufts_t>(
      device, "ggml_backend_dev_get_extra_bufts")(device);
  for (int i = 0; others != nullptr && others[i] != nullptr; i++)
    if (std::strstr(ggml_backend_buft_name(others[i]), "REPACK") != nullptr) return others[i];
  return nullptr;
}

std::vector<std::uint8_t> random_blocks(std::size_t bytes) {
  std::vector<std::uint8_t> data(bytes);
  std::uint64_t state = 1;
  for (std::uint8_t& byte : data) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<std::uint8_t>(state >> 56);
  }
  for (std::size_t at = 0; at < bytes; at += 18) {  // the scale, 2^-11
    data[at] = 0;
    data[at + 1] = 0x10;
  }
  return data;
}

struct Shape {
  std::int64_t n, k;
  std::size_t copies;  // matrices, one after the other
};

// Seconds for one product, the best of `runs`.
double best_time(ggml_backend_t backend, ggml_backend_buffer_type_t where, const Shape& s,
                 int runs) {
  ggml_init_params params = {ggml_tensor_overhead() * (s.copies + 1), nullptr, true};
  ggml_context* weights = ggml_init(params);
  params.mem_size = ggml_tensor_overhead() * (s.copies + 2) + ggml_graph_overhead();
  ggml_context* rest = ggml_init(params);
  std::vector<ggml_tensor*> matrices;
  for (std::size_t i = 0; i < s.copies; i++)
    matrices.push_back(ggml_new_tensor_2d(weights, GGML_TYPE_Q4_0, s.k, s.n));
  ggml_backend_buffer_t weight_buffer = ggml_backend_alloc_ctx_tensors_from_buft(weights, where);
  ggml_tensor* x = ggml_new_tensor_1d(rest, GGML_TYPE_F32, s.k);
  ggml_cgraph* graph = ggml_new_graph(rest);
  for (ggml_tensor* matrix : matrices)
    ggml_build_forward_expand(graph, ggml_mul_mat(rest, matrix, x));
  ggml_backend_buffer_t rest_buffer = ggml_backend_alloc_ctx_tensors(rest, backend);
  if (weight_buffer == nullptr || rest_buffer == nullptr) fail("out of memory");
  const std::vector<std::uint8_t> blocks = random_blocks(ggml_nbytes(matrices[0]));
  for (ggml_tensor* matrix : matrices)
    ggml_backend_tensor_set(matrix, blocks.data(), 0, blocks.size());
  std::vector<float> values(static_cast<std::size_t>(s.k));
  for (std::size_t i = 0; i < values.size(); i++)
    values[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
  ggml_backend_tensor_set(x, values.data(), 0, values.size() * sizeof(float));
  double best = 1e9;
  for (int run = 0; run < runs; run++) {
    const auto begun = Clock::now();
    if (ggml_backend_graph_compute(backend, graph) != GGML_STATUS_SUCCESS) fail("can't compute");
    const std::chrono::duration<double> took = Clock::now() - begun;
    best = std::min(best, took.count() / static_cast<double>(s.copies));
  }
  ggml_backend_buffer_free(weight_buffer);
  ggml_backend_buffer_free(rest_buffer);
  ggml_free(weights);
  ggml_free(rest);
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) fail("expected LIBRARIES THREADS");
  ggml_backend_load_all_from_path(argv[1]);
  ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  if (device == nullptr) fail("no CPU backend");
  ggml_backend_t backend = ggml_backend_dev_init(device, nullptr);
  // Threads that stay, as in llama.cpp.
  ggml_threadpool_params params = ggml_threadpool_params_default(std::atoi(argv[2]));
  ggml_threadpool_t threads =
      function_of<decltype(&ggml_threadpool_new)>(device, "ggml_threadpool_new")(&params);
  function_of<decltype(&ggml_backend_cpu_set_threadpool)>(
      device, "ggml_backend_cpu_set_threadpool")(backend, threads);
  function_of<ggml_backend_set_n_threads_t>(device, "ggml_backend_set_n_threads")(backend,
                                                                                  params.n_threads);
  const ggml_backend_buffer_type_t places[] = {ggml_backend_dev_buffer_type(device),
                                               repacking_buffer(device)};
  for (const std::int64_t n : {4096, 11008})
    for (const bool in_memory : {false, true})
      for (const bool repacked : {false, true}) {
        if (places[repacked] == nullptr) continue;
        const std::int64_t k = 4096;
        const auto bytes = static_cast<std::size_t>(n * k / 32 * 18);
        const Shape shape{n, k, in_memory ? 256000000 / bytes + 1 : 1};
        const double best = best_time(backend, places[repacked], shape, in_memory ? 50 : 1500);
        std::printf(
            "{\"n\": %lld, \"k\": %lld, \"memory\": %d, \"repacked\": %d, "
            "\"gigabytes_per_second\": "
            "%.2f}\n",
            static_cast<long long>(n), static_cast<long long>(k), in_memory, repacked,
            static_cast<double>(bytes) / best / 1e9);
      }
  function_of<decltype(&ggml_threadpool_free)>(device, "ggml_threadpool_free")(threads);
  ggml_backend_free(backend);
}
