mlc help convert_weight
