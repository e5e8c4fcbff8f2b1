# Why a device gets a variant is asked of packages only.
cd "$DATA"
mlc inspect kjv-llama --explain vulkan
