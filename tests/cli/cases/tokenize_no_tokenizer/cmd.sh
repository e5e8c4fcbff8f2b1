mkdir empty
mlc tokenize empty --text a
