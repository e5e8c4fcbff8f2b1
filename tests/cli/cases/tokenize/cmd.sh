mlc tokenize "$DATA/kjv-llama" --text "In the beginning God"
printf "In the beginning God" >text.txt
mlc tokenize "$DATA/kjv-llama" --file text.txt
mlc tokenize "$DATA/kjv-llama/tokenizer.json" --text ""
