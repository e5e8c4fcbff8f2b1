mlc help deliver
