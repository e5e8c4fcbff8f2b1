printf "In the beginning\n" | mlc tokenize "$DATA/kjv-llama"
