"""Training as Caffe does it: solvers, the loop, snapshots and logs."""
