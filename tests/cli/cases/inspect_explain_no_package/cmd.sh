# Why a device gets a variant is asked of packages only.
cd "$DATA" || exit
mlc inspect kjv-llama --explain vulkan
