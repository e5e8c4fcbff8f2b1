#!/usr/bin/env bash
# The Vulkan tests under GPU-assisted and synchronization validation: every access of a shader is
# checked against its buffer, every dispatch for missing barriers. The layer puts code of its own
# around each access, which a CPU driver compiles for seconds where it took a tenth of one; so each
# kernel is a process of its own, two run at a time, and all take 10 to 30 minutes on lavapipe. No
# part of scripts/test.sh. That the layer reports what it should is tested first
# (VulkanChecks.GpuAssistedValidationReports).
#   scripts/vulkan_validation.sh [BUILD [KERNEL...]]    BUILD: the build folder, build/release
# MLC_VULKAN_CASES=classes takes fewer cases, all takes hours (tests/unit/vulkan_kernels_test.cc).
set -euo pipefail
cd "$(dirname "$0")/.."

build=${1:-build/release}
shift || true
kernels=$build/tests/vulkan_kernels_test
device=$build/tests/vulkan_device_test
for test in "$kernels" "$device"; do
  if [[ ! -x $test ]]; then
    echo "vulkan_validation: $test is missing; build it first" >&2
    exit 2
  fi
done

# The layer reads a file; it takes one value only from VK_LAYER_ENABLES.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
features=VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_EXT,VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
echo "khronos_validation.enables = $features" >"$work/vk_layer_settings.txt"
export VK_LAYER_SETTINGS_PATH=$work MLC_VULKAN_GPU_ASSISTED=1 work

run_one() { # TEST FILTER: its lines that say something, and what went wrong
  local log=$work/${2//[^a-zA-Z0-9_]/_}
  local begun=$SECONDS
  if "$1" --gtest_color=no --gtest_filter="$2" >"$log" 2>&1 && ! grep -qE "^skipped:|^no validation layer|Running 0 tests" "$log"; then
    grep -E "^[a-z0-9_]+: [0-9]+ cases| with .*: [0-9]" "$log" || echo "$2: clean, $((SECONDS - begun)) s"
  else
    echo "$2: FAILED"
    tail -n 40 "$log"
    return 1
  fi
}
export -f run_one

run_one "$kernels" 'VulkanChecks.*'
# The layer itself waits for what this test gives up.
run_one "$device" 'VulkanDevice.*-*GivesUp*'
if (($# == 0)); then
  mapfile -t names < <("$kernels" --gtest_list_tests | sed -nE 's|^  EveryVariantIsWithinTheBounds/([a-z0-9_]+).*|\1|p')
  set -- "${names[@]}"
fi
# shellcheck disable=SC2016  # the inner shell expands it
printf '%s\n' "$@" | xargs -P 2 -I{} bash -c 'run_one "$0" "All/VulkanKernels.*/{}"' "$kernels"
echo "clean: $# kernels in $SECONDS s"
