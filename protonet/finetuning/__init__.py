"""Fine-tuning: a net's last layer made anew for a folder of images, and what trains it."""
