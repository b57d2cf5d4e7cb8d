"""All interleavings of the statements of operations that meet, each compared with the serial orders."""
