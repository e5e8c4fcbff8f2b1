mlc help devices
