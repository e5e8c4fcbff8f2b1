mlc convert_weight --list-quantizations
