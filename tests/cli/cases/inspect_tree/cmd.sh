cd "$DATA" || exit
mlc inspect kjv-llama --tree
