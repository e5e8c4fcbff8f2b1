mlc
