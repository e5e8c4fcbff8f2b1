mlc help tokenize
