mlc help unpack
