mlc convert_weight --list-params llama
