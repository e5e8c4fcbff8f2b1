mlc help verify
