mlc unpack nowhere -o out
