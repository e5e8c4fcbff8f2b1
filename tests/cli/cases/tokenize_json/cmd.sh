mlc tokenize "$DATA/kjv-llama" --text "Noah☃" --json
mlc tokenize "$DATA/kjv-llama" --decode "1145 259" --json
