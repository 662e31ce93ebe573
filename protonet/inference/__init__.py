"""A compiled net at work: on images, or on random numbers to be timed."""
