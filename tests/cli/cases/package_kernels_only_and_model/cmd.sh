mlc package "$DATA/kjv-llama" --kernels-only -o pkg
