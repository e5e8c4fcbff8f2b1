#!/usr/bin/env bash
# The Vulkan tests, all cases with all variants, under GPU-assisted and synchronization validation:
# every access of a shader is checked against its buffer, every dispatch for missing barriers. Takes
# many minutes on a CPU driver, so it is no part of scripts/test.sh. Debian 12's layer (1.3.239) over
# lavapipe instruments the shaders but did not report a copy beyond its slices that was made on
# purpose: there, that no kernel leaves its slices rests on the NaN around them in the tests.
#   scripts/vulkan_validation.sh [BUILD]     BUILD: the build folder, build/release
#   scripts/vulkan_validation.sh BUILD part  one variant of each case only
set -euo pipefail
cd "$(dirname "$0")/.."

build=${1:-build/release}
test=$build/tests/vulkan_kernels_test
if [[ ! -x $test ]]; then
  echo "vulkan_validation: $test is missing; build it first" >&2
  exit 2
fi
if [[ ${2:-all} == all ]]; then export MLC_VULKAN_ALL=1; fi

# The layer reads a file; it takes one value only from VK_LAYER_ENABLES.
settings=$(mktemp -d)
trap 'rm -rf "$settings"' EXIT
features=VK_VALIDATION_FEATURE_ENABLE_GPU_ASSISTED_EXT,VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
echo "khronos_validation.enables = $features" >"$settings/vk_layer_settings.txt"
export VK_LAYER_SETTINGS_PATH=$settings

output=$("$test" --gtest_color=no | tee /dev/stderr)
if grep -q "^skipped:\|^no validation layer" <<<"$output"; then
  echo "vulkan_validation: no Vulkan device or no validation layer, so nothing was validated" >&2
  exit 1
fi
