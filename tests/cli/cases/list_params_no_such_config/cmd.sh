mlc convert_weight --list-params auto nowhere
