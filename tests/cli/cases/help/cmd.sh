mlc help
