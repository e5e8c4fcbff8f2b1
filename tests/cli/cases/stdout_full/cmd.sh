mlc help >/dev/full
