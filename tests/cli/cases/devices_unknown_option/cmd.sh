mlc devices --bandwidth
