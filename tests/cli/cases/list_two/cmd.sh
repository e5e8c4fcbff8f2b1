mlc convert_weight --list-models --list-sources
