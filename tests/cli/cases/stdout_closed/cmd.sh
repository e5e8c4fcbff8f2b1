mlc help >&-
