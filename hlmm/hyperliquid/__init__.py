"""The venue's protocol: pure bytes and words, thin I/O in `rest` and `socket`."""
