"""Images with boxes: how SSD's fork and those after it read, distort, crop and resize them."""
